"""Attacks as lines and tables on a terminal: what was found first, nothing of one person, no count below k."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shoal_cli.rendering import show_notes
from shoal_engine.wording import columns_text, share_text

if TYPE_CHECKING:
    from shoal_engine.attack.figures import Answers, Chances, LearnedFigures, LinkageFigures
    from shoal_engine.attack.intersection import IntersectionFigures
    from shoal_engine.attack.membership import MembershipFigures

_NAME, _FIGURE = 30, 11


def shown_share(share: float | None, people: int, k: int) -> str:
    """Return a share of people, without a count below k.

    Examples
    --------
    >>> shown_share(0.25, 100, 5), shown_share(0.01, 100, 5), shown_share(None, 100, 5)
    ('25.0 %', 'below k', '-')
    """
    from shoal_engine.attack.figures import is_few

    if share is None:
        return "-"
    return "below k" if is_few(share, people, k) else share_text(share)


def _chance(chance: float) -> str:
    """Return a probability in percent with three digits."""
    return f"{chance:.3g}" if chance == 0 else f"{100 * chance:.3g} %"


def show_linkage(found: "LinkageFigures", source: str) -> None:
    """Print a linkage attack: findings, probabilities, and what is learned."""
    answers = found.answers
    click.echo(f"{Path(source).name}   {found.rows:,} rows, {found.equivalence_classes:,} classes, k = {found.k}")
    click.echo(f"{answers.people:,} people looked up by {columns_text(found.columns)}{_allowing(found)}\n")
    show_notes(list(_notes(found)))
    for line in (*_chances(found), "", *_learned(answers, found.k)):
        click.echo(line)


def _allowing(found: "LinkageFigures") -> str:
    """Return what the adversary allows for."""
    if not found.mismatches:
        return ""
    return f", {found.mismatches} {'column' if found.mismatches == 1 else 'columns'} may disagree"


def _notes(found: "LinkageFigures") -> Iterator[tuple[str, str]]:
    """Yield what the attack found, each with what it means."""
    answers, k = found.answers, found.k
    highest = max(found.highest, 0.0)
    yield (
        f"highest risk {_chance(highest)}, mean {_chance(found.mean)}: the larger of attack and guarantee",
        f"The attack reaches {_chance(answers.highest)}; whatever is known, k = {k} allows {_chance(1 / k)}.",
    )
    if answers.wrong is not None:
        yield (
            f"{shown_share(answers.wrong, answers.people, k)} of people are looked for in classes that are not theirs",
            f"What is known of them is wrong somewhere. Empty answers, which would give that away: "
            f"{shown_share(answers.empty, answers.people, k)}.",
        )
    for name, one in answers.sensitive.items():
        yield from _on_values(name, one, answers.people, k)


def _on_values(name: str, one: "LearnedFigures", people: int, k: int) -> Iterator[tuple[str, str]]:
    """Yield what is learned of one sensitive column."""
    if one.homogeneous:
        yield (
            f"{name}: {shown_share(one.homogeneous, people, k)} of people have one value left: it is disclosed",
            "Bind the column with a model, for example distinct values or closeness.",
        )
    if one.doubled:
        yield (
            f"{name}: for {shown_share(one.doubled, people, k)} of people some value is twice its base rate or more",
            f"The most probable one has {_chance(one.top)} on average, {_chance(one.top_base)} without knowledge.",
        )


def _chances(found: "LinkageFigures") -> Iterator[str]:
    """Yield the table of probabilities."""
    answers = found.answers
    columns: dict[str, tuple[Chances, int]] = {
        "even": (answers.even, answers.people),
        "weighted": (answers.weighted, answers.people),
    }
    for name, one in (("raw table", found.raw), ("held out", found.held_out)):
        if one is not None:
            columns[name] = (one.weighted, one.people)
    of = "right record" if found.right_record_known else "likeliest record"
    yield _line(f"probability of the {of}", list(columns))
    for name in ("mean", "p50", "p95", "p99", "highest"):
        label = name if name in ("mean", "highest") else f"{name[1:]} % of people at most"
        yield _line(label, [_chance(getattr(one, name)) for one, _ in columns.values()])
    for limit in answers.even.over:
        shares = [shown_share(one.over[limit], people, found.k) for one, people in columns.values()]
        yield _line(f"people above {100 * float(limit):.3g} %", shares)
    yield _line("without knowledge (1 / rows)", [_chance(found.base_rate)])
    yield _line("guarantee: highest, mean", [_chance(found.prosecutor.highest), _chance(found.prosecutor.average)])
    if found.journalist is not None:
        yield _line("journalist: highest, mean", [_chance(found.journalist.highest), _chance(found.journalist.average)])
    yield _line("marketer", [_chance(found.marketer)])


def show_intersection(found: "IntersectionFigures") -> None:
    """Print an intersection of two releases."""
    click.echo("")
    pinned = shown_share(found.pinned, found.people, found.k)
    note = (
        f"both releases together: mean {_chance(max(found.both.mean, found.both_weighted.mean))}, {pinned} of people "
        "pinned to one record",
        f"Rows are joined by {columns_text(found.kept)}, which both releases keep as they are.",
    )
    show_notes([note])
    of = "right record" if found.right_record_known else "likeliest record"
    even = (found.first, found.second, found.both)
    weighted = (found.first_weighted, found.second_weighted, found.both_weighted)
    for how, columns in (("even", even), ("weighted", weighted)):
        click.echo(_line(f"{of}, {how}", ["this", "the other", "both"]))
        for name in ("mean", "p50", "p95", "p99", "highest"):
            label = name if name in ("mean", "highest") else f"{name[1:]} % of people at most"
            click.echo(_line(label, [_chance(getattr(one, name)) for one in columns]))
        for limit in found.both.over:
            shares = [shown_share(one.over[limit], found.people, found.k) for one in columns]
            click.echo(_line(f"people above {100 * float(limit):.3g} %", shares))


def show_membership(found: "MembershipFigures") -> None:
    """Print a membership attack."""
    click.echo(f"{found.members:,} members and {found.outsiders:,} others, by {columns_text(found.columns)}\n")
    show_notes(
        [
            (
                f"advantage {_chance(found.advantage)}: members are found more often than others by so much",
                f"At the best threshold of expected rows it is {_chance(found.best_advantage)}.",
            )
        ]
    )
    click.echo(_line("people with a compatible class", ["members", "others"]))
    shares = (found.found_members, found.members), (found.found_outsiders, found.outsiders)
    click.echo(_line("share", [shown_share(share, people, found.k) for share, people in shares]))


def _learned(answers: "Answers", k: int) -> Iterator[str]:
    """Yield the table of sensitive columns."""
    if not answers.sensitive:
        return
    yield _line("what is learned", ["even", "weighted", "base rate"])
    for name, one in answers.sensitive.items():
        yield _line(f"{name}: top value", [_chance(part) for part in (one.top_even, one.top, one.top_base)])
        if one.own is not None and one.own_even is not None and one.own_base is not None:
            yield _line(f"{name}: own value", [_chance(part) for part in (one.own_even, one.own, one.own_base)])
        shares: Mapping[str, Sequence[float | None]] = {
            "value guessed": (None, one.guessed, one.guessed_base),
            "one value left": (one.homogeneous, None, None),
            "some value excluded": (one.excluded, None, None),
            "some value doubled": (one.doubled_even, one.doubled, None),
        }
        for label, parts in shares.items():
            if any(part is not None for part in parts):
                yield _line(f"{name}: {label}", [shown_share(part, answers.people, k) for part in parts])


def _line(name: str, figures: Sequence[str]) -> str:
    """Return a line of a name and figures, no wider than the terminal unless a name is."""
    return (name.ljust(_NAME) + "".join(figure.rjust(_FIGURE) for figure in figures)).rstrip()
