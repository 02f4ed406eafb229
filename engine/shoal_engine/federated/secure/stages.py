"""Order of the steps of a round."""

from enum import IntEnum

from shoal_engine.errors import SecureAggregationError


class Stage(IntEnum):
    """Which step comes next."""

    ADVERTISE = 0
    SHARE = 1
    CONFIRM = 2
    MASK = 3
    AGREE = 4
    REVEAL = 5
    FINISHED = 6

    def expect(self, asked: "Stage", who: str) -> None:
        """Refuse any other step than the next.

        Raises
        ------
        SecureAggregationError
        """
        if self is not asked:
            msg = f"{who} is at `{self.name.lower()}`, not at `{asked.name.lower()}`; each step comes once, in order"
            raise SecureAggregationError(msg)
