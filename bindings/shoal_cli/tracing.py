"""`--debug`: traceback as places in the code and kinds of errors, without messages or values."""

import traceback


def trace_of(error: BaseException) -> list[str]:
    """Return the places of an error and its causes, the first cause first.

    A message of another package may quote a cell, and so may a line of interactive code; neither is included.
    """
    lines: list[str] = []
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = traceback.walk_tb(current.__traceback__)
        places = [f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}" for frame, line in frames]
        lines = [*places, f"raised {type(current).__module__}.{type(current).__qualname__}", *lines]
        # Includes causes hidden by `from None`: only their kind and place are shown.
        current = current.__cause__ or current.__context__
    return lines
