"""A writer that debits until it is killed, over and over: run by `test_ledger`, in a process without threads.

Every debit that was acknowledged through a pipe has to be in the ledger afterwards, and where there is an anchor, it
has to be no older than the last of them. Prints how many kills there were,
how many debits were acknowledged, and how many lines the ledger holds.
"""

import os
import random
import signal
import sys
import time
from fractions import Fraction
from pathlib import Path

from shoal_engine.ledger import Budget, Ledger, rows

# However busy the machine is.
rows._WAIT_SECONDS = 3000.0


def debit_for_ever(path: str, pipe: int, anchor: str | None) -> None:
    ledger = Ledger(path, anchor=anchor)
    while True:
        receipt = ledger.debit(Fraction(1, 10**6), Fraction(0), events="{}", dataset="", policy="")
        os.write(pipe, f"{receipt.number} {receipt.hash}\n".encode())


def acknowledged(told: bytes) -> list[tuple[int, str]]:
    lines = told.decode().split("\n")[:-1]
    return [(int(number), kept) for number, kept in (line.split() for line in lines)]


def main(path: str, kills: int, anchor: str | None = None) -> None:
    ledger = Ledger.create(path, Budget.of(epsilon="1000"), unit="person", anchor=anchor)
    receipts = list[tuple[int, str]]()
    for _ in range(kills):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            debit_for_ever(path, writing, anchor)
        os.close(writing)
        # However slow the machine is, the kill falls some way into one of the first debits.
        told, debits = b"", random.randrange(6)
        while told.count(b"\n") < debits:
            part = os.read(reading, 1 << 16)
            assert part, "the writer died by itself"
            told += part
        time.sleep(random.uniform(0, 0.004))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while part := os.read(reading, 1 << 16):
            told += part
        receipts += acknowledged(told)
        os.close(reading)
        if anchor is not None and receipts:
            assert int(Path(anchor).read_text().split()[0]) >= receipts[-1][0]
    held = {entry.number: entry.hash for entry in ledger.entries()}
    assert all(held[number] == kept for number, kept in receipts)
    assert ledger.check() == len(held)
    assert ledger.spent[0] >= len(receipts) * Fraction(1, 10**6)
    print(kills, len(receipts), len(held))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
