"""Batches of Parquet files, text as the dictionaries that the files hold: half the memory and work of whole text."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 1 << 19
"""Rows per batch."""
_BUFFER = 1 << 20
"""Bytes of each column that are read from a file at a time."""


def can_stream(files: Sequence[Path], columns: Sequence[str]) -> bool:
    """Return whether pyarrow reads these columns of Parquet files as Polars does: the same types, and all in the files.

    Polars may also take columns from the names of folders, and it has other types for times and durations.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if any(path.suffix.lower() not in (".parquet", ".pq") for path in files):
        return False
    try:
        schemas = [pq.read_schema(path) for path in files]
    except (pa.ArrowException, OSError):
        return False
    kinds = [[schema.field(name).type for name in columns] for schema in schemas if set(columns) <= set(schema.names)]
    return (
        len(kinds) == len(schemas) and all(_is_plain(kind) for kind in kinds[0]) and all(k == kinds[0] for k in kinds)
    )


def _is_plain(kind: "pa.DataType") -> bool:
    """Return whether both readers have one type for a column."""
    import pyarrow.types as types

    is_text = types.is_string(kind) or types.is_large_string(kind)
    is_time = types.is_date32(kind) or (types.is_timestamp(kind) and kind.unit in ("us", "ns"))
    is_number = types.is_integer(kind) or types.is_float32(kind) or types.is_float64(kind)
    return is_text or is_time or is_number or types.is_boolean(kind)


def stream(files: Sequence[Path], columns: Sequence[str], as_dictionary: Collection[str]) -> Iterator[Any]:
    """Yield record batches of Parquet files, a part of a row group at a time.

    Parameters
    ----------
    files : sequence of Path
    columns : sequence of str
    as_dictionary : collection of str
        Columns whose text is kept as dictionaries.

    Raises
    ------
    pa.ArrowException, OSError
        A file is damaged.
    """
    import pyarrow.parquet as pq
    import pyarrow.types as types

    for path in files:
        schema = pq.read_schema(path)
        text = [
            name
            for name in as_dictionary
            if types.is_string(schema.field(name).type) or types.is_large_string(schema.field(name).type)
        ]
        with pq.ParquetFile(path, read_dictionary=text, pre_buffer=False, buffer_size=_BUFFER) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)):
                yield batch.select(list(columns))
