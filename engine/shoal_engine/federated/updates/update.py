"""Updates that nodes send back, and files of updates, to run a round again."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from shoal_engine.errors import UpdateError
from shoal_engine.federated.updates.model import Model

_NODE, _WEIGHT, _ROUND = b"shoal.node", b"shoal.weight", b"shoal.round"


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """A model, or a change of one, with who sent it.

    Attributes
    ----------
    model : Model
    node : str
        Who sent it; one update of each counts in a round.
    weight : float
        Claimed by the node, as a number of examples; checked when updates are accepted, not here.
    round : int or None
        For which it was made; None where nobody counts rounds.
    """

    model: Model
    node: str
    weight: float = 1.0
    round: int | None = None

    @classmethod
    def of_arrays(
        cls, arrays: Mapping[str, Any], *, node: str, weight: float = 1.0, round: int | None = None
    ) -> "Update":
        """Return an update over arrays, as `Model.of_arrays` does."""
        return cls(Model.of_arrays(arrays), node, weight, round)

    def metadata(self) -> dict[bytes, bytes]:
        """Return everything but the model, as Arrow's metadata of a batch."""
        metadata = {_NODE: self.node.encode(), _WEIGHT: repr(float(self.weight)).encode()}
        return metadata if self.round is None else metadata | {_ROUND: str(self.round).encode()}


def write_updates(target: str | Path | BinaryIO, updates: Iterable[Update]) -> int:
    """Write updates of one layout into an Arrow IPC file, a batch each; return how many.

    Raises
    ------
    UpdateError
        There is no update, or layouts differ: such updates go into files of their own.
    """
    found = iter(updates)
    first = next(found, None)
    if first is None:
        msg = "there is no update to write; a file holds at least one"
        raise UpdateError(msg)
    schema, n = first.model.batch.schema, 0
    with pa.ipc.new_file(str(target) if isinstance(target, Path) else target, schema) as writer:
        for update in (first, *found):
            if update.model.layout != first.model.layout:
                msg = "updates of one file have the same tensors; write those of another layout into another file"
                raise UpdateError(msg)
            writer.write_batch(update.model.batch, custom_metadata=update.metadata())
            n += 1
    return n


def read_updates(path: str | Path) -> Iterator[Update]:
    """Yield the updates of an Arrow IPC file over the mapped file, without copying.

    A batch that does not say who sent it is of a node with the file's name.

    Raises
    ------
    UpdateError
        The file is missing, damaged, or holds no tensors.
    """
    path = Path(path)
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        for place in range(reader.num_record_batches):
            batch, metadata = reader.get_batch_with_custom_metadata(place)
            yield _read(
                batch, dict(metadata or {}), path.stem if reader.num_record_batches == 1 else f"{path.stem}:{place}"
            )
    except (OSError, pa.ArrowException, UnicodeDecodeError):
        msg = f"the updates in {str(path)!r} cannot be read; give an Arrow IPC file that `write_updates` wrote, whole"
        raise UpdateError(msg) from None


def _read(batch: pa.RecordBatch, metadata: dict[bytes, bytes], node: str) -> Update:
    """Return an update from a batch and its metadata."""
    weight, round_text = metadata.get(_WEIGHT, b"1").decode(), metadata.get(_ROUND, b"").decode()
    try:
        number = float(weight)
    except ValueError:
        number = float("nan")
    round_number = int(round_text) if re.fullmatch("[0-9]{1,18}", round_text) else None
    return Update(Model(batch), metadata[_NODE].decode() if _NODE in metadata else node, number, round_number)
