"""Nodes that send more than once: a repeat counts once, and of a node that sends different updates none counts.

So it is in any order of arrival and of merging. Where updates are held, they are there to be compared. Where they are
folded, the first of a node has been added before the second is known of, and no sum says what was added: so a copy of
each folded update is kept aside, on the disk and not in memory, until the round is released, and taken back from there.
"""

import hashlib
import io
import secrets
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from shoal_engine.errors import UpdateError
from shoal_engine.federated.updates.model import Layout, Model, of_payloads
from shoal_engine.federated.updates.round import UpdateRecord
from shoal_engine.federated.updates.update import Update

Fold: TypeAlias = Callable[[Model, UpdateRecord, int], None]
"""Adds a model, by what its record tells, 1 time or -1 times."""

_IN_MEMORY: Final = 4 << 20
"""Bytes of copies; more of them go to a file."""
_CHUNK: Final = 1 << 20
_BLOCK: Final = 16
"""Bytes of the cipher's block: where in the stream a copy begins is a number of these."""
_KEPT_AS: Final = {"float16": np.float16, "bfloat16": np.uint16, "float32": np.float32, "float64": np.float64}


def fingerprint(update: Update) -> bytes:
    """Return a digest of all that a node sent: of equal ones the node sent the same."""
    found = hashlib.sha256(repr((update.model.layout, float(update.weight), update.round)).encode())
    for values in update.model.payloads():
        found.update(values.view(np.uint8).data)
    return found.digest()


class Copies:
    """Copies of models outside memory, enciphered under a key that this process alone has, and forgets.

    Examples
    --------
    >>> copies, model = Copies(), Model.of_arrays({"w": np.arange(3.0)})
    >>> place = copies.keep(model)
    >>> copies.read(place, model.layout).arrays()["w"]
    array([0., 1., 2.])
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._end = 0
        self._open(b"")

    def _open(self, text: bytes) -> None:
        # By hand, as the file lives as long as this object.
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._file.write(text)
        self._closing = weakref.finalize(self, self._file.close)

    def keep(self, model: Model) -> int:
        """Keep a copy; return its place.

        Raises
        ------
        UpdateError
            There is no room.
        """
        place = -(-self._end // _BLOCK) * _BLOCK
        stream = self._cipher(place).encryptor()
        try:
            self._file.seek(place)
            for values in model.payloads():
                octets = values.view(np.uint8)
                for start in range(0, len(octets), _CHUNK):
                    self._file.write(stream.update(octets[start : start + _CHUNK].data))
            self._end = self._file.tell()
        except OSError as error:
            msg = (
                f"a folded update could not be kept aside ({error.strerror}); make room where temporary files are "
                "(TMPDIR), or declare `once` in the checks where no node can send twice"
            )
            raise UpdateError(msg) from None
        return place

    def read(self, place: int, layout: Layout) -> Model:
        """Return the copy of a layout that was kept at a place."""
        stream = self._cipher(place).decryptor()
        self._file.seek(place)
        found: list[npt.NDArray[Any]] = []
        for tensor in layout:
            dtype = np.dtype(_KEPT_AS[tensor.dtype])
            found.append(np.frombuffer(stream.update(self._file.read(tensor.size * dtype.itemsize)), dtype))
        return of_payloads(layout, found)

    def _cipher(self, place: int) -> Cipher[CTR]:
        return Cipher(AES256(self._key), CTR((place // _BLOCK).to_bytes(_BLOCK, "big")))

    def __deepcopy__(self, memo: object) -> "Copies":
        """Return these copies: kept copies never change, so that two may read and add."""
        return self

    def __getstate__(self) -> tuple[bytes, bytes]:
        """Return what another process needs: it gets the copies with the sum."""
        self._file.seek(0)
        return self._key, self._file.read()

    def __setstate__(self, state: tuple[bytes, bytes]) -> None:
        """Take what `__getstate__` gave."""
        self._key, text = state
        self._open(text)
        self._end = self._file.seek(0, io.SEEK_END) or self._file.tell()


@dataclass(slots=True)
class _Sender:
    """Updates of one node.

    Attributes
    ----------
    raw, looked : UpdateRecord
        Records of the first update, before and after its values were checked.
    round : int or None
    layout : Layout
    digest : bytes or None
        Fingerprint of the first; None while it can be computed from the copy.
    copies, place
        Where the copy of the first is, where it is in the sum.
    is_added : bool
    more : list of (bytes, UpdateRecord)
        Digest and record of each later one.
    """

    raw: UpdateRecord
    looked: UpdateRecord
    round: int | None
    layout: Layout
    digest: bytes | None = None
    copies: Copies | None = None
    place: int = 0
    is_added: bool = False
    more: list[tuple[bytes, UpdateRecord]] = field(default_factory=list[tuple[bytes, UpdateRecord]])

    def model(self) -> Model:
        """Return the copy of the part of the sum."""
        assert self.copies is not None, "what cannot be taken back is never asked for"
        return self.copies.read(self.place, self.layout)

    def first(self) -> bytes:
        """Return the digest of the first update."""
        if self.digest is None:
            self.digest = fingerprint(Update(self.model(), self.raw.node, self.raw.weight, self.round))
        return self.digest

    def differs(self) -> bool:
        """Return whether the node sent different updates."""
        return bool(self.more) and len({self.first(), *(digest for digest, _ in self.more)}) > 1

    def records(self) -> list[UpdateRecord]:
        """Return the records of all that it sent, in the order of arrival."""
        arrived = sorted([self.raw, *(record for _, record in self.more)], key=lambda record: record.seconds)
        if self.differs():
            return [record.reject("duplicate") for record in arrived]
        first = replace(self.looked, seconds=arrived[0].seconds)
        return [first, *(record.reject("duplicate") for record in arrived[1:])]


class Senders:
    """Nodes whose updates a folded sum has observed, and their parts of the sum.

    Parameters
    ----------
    once : bool
        Whether the caller vouches that no node is heard twice. No copies are kept then; should one be heard twice all
        the same, the first counts.
    """

    def __init__(self, *, once: bool) -> None:
        self.once = once
        self._copies = None if once else Copies()
        self._of: dict[str, _Sender] = {}
        self._good: set[str] = set()

    @property
    def n_good(self) -> int:
        """Return how many nodes sent something good, whether it counts or was taken back."""
        return len(self._good)

    @property
    def n_added(self) -> int:
        """Return how many nodes are in the sum."""
        return sum(sender.is_added for sender in self._of.values())

    def would_be_good(self, node: str) -> int:
        """Return how many nodes have sent something good after this one has."""
        return len(self._good) + (node not in self._good)

    def observe(self, update: Update, raw: UpdateRecord, looked: UpdateRecord, fold: Fold) -> None:
        """Take an update: add it where it is good and its node's first, take back the first where it is another.

        Parameters
        ----------
        update : Update
        raw, looked : UpdateRecord
            Before and after it was looked at.
        fold : callable
        """
        sender = self._of.get(update.node)
        if sender is None:
            sender = _Sender(raw, looked, update.round, update.model.layout)
            if not looked.kept:
                sender.digest = fingerprint(update)
            elif self._copies is not None:
                sender.copies, sender.place = self._copies, self._copies.keep(update.model)
            if looked.kept:
                fold(update.model, looked, 1)
                sender.is_added = True
            self._of[update.node] = sender
        elif self.once and sender.is_added:
            sender.digest = sender.digest or b""
            sender.more.append((sender.digest, raw))
        else:
            sender.more.append((fingerprint(update), raw))
            self._settle(sender, fold)
        if looked.kept:
            self._good.add(update.node)

    def common(self, other: "Senders") -> bool:
        """Return whether a node was heard by both."""
        return not self._of.keys().isdisjoint(other._of)

    def would_all_be_good(self, other: "Senders") -> int:
        """Return how many nodes have sent something good after a merge."""
        return len(self._good | other._good)

    def merge(self, other: "Senders", fold: Fold) -> None:
        """Take what another has heard, whose sum was added to this one's."""
        for node, theirs in other._of.items():
            mine = self._of.get(node)
            if mine is None:
                self._of[node] = replace(theirs, more=list(theirs.more))
                continue
            mine.more += [(theirs.first(), theirs.raw), *theirs.more]
            if theirs.is_added:
                fold(theirs.model(), theirs.looked, -1)
            self._settle(mine, fold)
        self._good |= other._good

    def records(self) -> tuple[UpdateRecord, ...]:
        """Return the records of all updates, by node."""
        return tuple(record for node in sorted(self._of) for record in self._of[node].records())

    def _settle(self, sender: _Sender, fold: Fold) -> None:
        """Take back from the sum the update of a node that sent different ones."""
        if sender.is_added and sender.differs():
            fold(sender.model(), sender.looked, -1)
            sender.is_added, sender.copies = False, None
