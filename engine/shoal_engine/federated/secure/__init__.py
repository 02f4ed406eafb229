"""Secure aggregation: a server learns the sum of many vectors, and of no one's vector anything else.

Each node hides its vector under a mask shared with every other node (or with a few, chosen at random), which cancel
in the sum, and under a mask of its own. The secrets behind both are shared out, so that enough survivors can take
off what does not cancel: of a survivor its own mask, of a node that dropped the masks it shared. Never both: that
is what keeps a vector secret that arrives late. This is figure 4 of Bonawitz et al. 2017; with `neighbors`, the
sparse graph of Bell et al. 2020. Vectors are int64 and sums wrap modulo 2**64, as an int64 accumulator's do.

What is promised, and what is not:

- The server is honest but curious: it follows the protocol, and may put together all it sees with what fewer than
  `threshold` nodes know (of any node's shares, fewer than `threshold` holders). It then learns the sum of the
  survivors' vectors, so of those honest ones among them, and who took part; nothing else about a vector. The
  threshold is over half of the holders of shares, so that even a server that names different survivors to different
  nodes, without any node's help, cannot open both secrets of one. From such a server this alone hides no vector: it
  can also name to one node few partners, have those called dropped by others, and so open all masks of that node.
- Against a server that lies, alone or with the help of nodes, rounds can be `signed`, in the complete graph only: keys
  are signed, all survivors sign who survived, and the threshold is over two thirds of all known nodes (Bonawitz et al.
  2017, section 6). Without, such a server can see one vector, or pose as nodes, and is out of scope. It may make a
  round fail in any case, and choose whose vectors are summed, down to `threshold` of them.
- A sum of few vectors, or the difference of two sums, can say much of one vector; see `distributed_noise`.
- A node can send any vector. Shares that a holder changes before it gives them away are left out, and the holder is
  named; the round fails only where fewer right ones are left than the threshold. So are shares that were changed on
  their way. A node that gives out shares of no one secret is named, and fails the round unless others of them fit.
  That other messages come as they were sent, who owns a node number, and that its messages are its own, is for the
  transport: with a list of keys or of partners that was changed on its way to one node, masks do not cancel, and the
  sum is wrong without a word.
- Secrets last one round. Arrays are zeroed after use; Python's integers and bytes, and the cipher's states, are left
  to be freed. Time depends on secrets where `secret_sharing` computes with them.

What differs from figure 4: nodes open their shares before they mask, not when they reveal, and say so (one short
message more), so that shares changed on the way cost that one pair and not the round. Commitments to the secret of
each own mask, and to each share, show who gives what does not fit.

References
----------
Bonawitz, Ivanov, Kreuter, Marcedone, McMahan, Patel, Ramage, Segal, Seth (2017), Practical secure aggregation for
privacy-preserving machine learning, CCS, figure 4 and section 6.
Bell, Bonawitz, Gascón, Lepoint, Raykova (2020), Secure single-server aggregation with (poly)logarithmic overhead,
CCS, section 3.

Examples
--------
Three nodes, of which node 2 is lost after the shares were confirmed.

>>> import numpy as np
>>> parameters = SecureParameters(threshold=2, session=bytes(16), round=0, length=2)
>>> server = SecureServer(parameters)
>>> clients = {node: SecureClient(node, parameters) for node in range(3)}
>>> for client in clients.values():
...     server.receive(client.advertise())
>>> roster = server.roster()
>>> for client in clients.values():
...     server.receive(client.share(roster))
>>> for node, delivered in server.deliver().items():
...     server.receive(clients[node].confirm(delivered))
>>> for node, partners in server.partners().items():
...     if node != 2:
...         server.receive(clients[node].mask(np.array([10, -node]), partners))
>>> request = server.reveal_request()
>>> for node in request.survivors:
...     server.receive(clients[node].reveal(request))
>>> server.total().tolist()
[20, -1]
"""

from shoal_engine.federated.secure.client import SecureClient
from shoal_engine.federated.secure.parameters import SecureParameters
from shoal_engine.federated.secure.server import SecureServer
from shoal_engine.federated.secure.signatures import Identity

__all__ = ["Identity", "SecureClient", "SecureParameters", "SecureServer"]
