"""One of several processes that debit the same ledger, some number of times, and count how often they could."""

import sys
from fractions import Fraction

from shoal_engine.errors import BudgetExhausted
from shoal_engine.ledger import Ledger, rows

# However busy the machine is, and however unfairly it lets writers take turns.
rows._WAIT_SECONDS = 3000.0


def main(path: str, times: int, anchor: str | None = None) -> None:
    ledger, charged = Ledger(path, anchor=anchor), 0
    for _ in range(times):
        try:
            ledger.debit(Fraction(1), Fraction(0), events="{}", dataset="", policy="")
            charged += 1
        except BudgetExhausted:
            continue
    print(charged)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
