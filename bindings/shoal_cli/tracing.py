"""`--debug`: where an error arose, as places in the code and kinds of errors; no message and no value is in it."""

import traceback


def trace_of(error: BaseException) -> list[str]:
    """Return the places that an error and the errors before it passed, the first of them first.

    A message of another package may quote a cell, and so may a line of code that somebody typed; neither is told.
    """
    lines: list[str] = []
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = traceback.walk_tb(current.__traceback__)
        places = [f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}" for frame, line in frames]
        lines = [*places, f"raised {type(current).__module__}.{type(current).__qualname__}", *lines]
        # Also what `from None` hides from people: here nothing of it is told but its kind and place.
        current = current.__cause__ or current.__context__
    return lines
