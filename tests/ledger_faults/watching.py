"""Something done at a chosen moment inside a debit: just before or after a statement is executed."""

import functools
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest


def at(monkeypatch: pytest.MonkeyPatch, when: str, statement: str, act: Callable[[], object]) -> None:
    """Call `act` once, before or after the next statement that begins so."""
    waiting = [act]

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            meant = sql.startswith(statement)
            if meant and when == "before" and waiting:
                waiting.pop()()
            found = super().execute(sql, *values)
            if meant and when == "after" and waiting:
                waiting.pop()()
            return found

    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Watched))
