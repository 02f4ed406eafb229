"""Attacks as lines and tables on a terminal: what was found first, nothing of one person, no count below k."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shoal_cli.rendering import show_notes
from shoal_engine.attack.showing import chance_text, interval_text, shown_share
from shoal_engine.wording import columns_text

if TYPE_CHECKING:
    from shoal_engine.attack.figures import Answers, Chances, LearnedFigures, LinkageFigures
    from shoal_engine.attack.intersection import IntersectionFigures
    from shoal_engine.attack.membership import MembershipFigures
    from shoal_engine.attack.membership_scores import MembershipReport

_NAME, _FIGURE = 30, 11


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
        f"highest risk {chance_text(highest)}, mean {chance_text(found.mean)}: the larger of attack and guarantee",
        f"The attack reaches {chance_text(answers.highest)}; whatever is known, k = {k} allows {chance_text(1 / k)}.",
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
            f"The most probable one has {chance_text(one.top)} on average, {chance_text(one.top_base)} without "
            "knowledge.",
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
        yield _line(label, [chance_text(getattr(one, name)) for one, _ in columns.values()])
    for limit in answers.even.over:
        shares = [shown_share(one.over[limit], people, found.k) for one, people in columns.values()]
        yield _line(f"people above {100 * float(limit):.3g} %", shares)
    yield _line("without knowledge (1 / rows)", [chance_text(found.base_rate)])
    yield _line(
        "guarantee: highest, mean", [chance_text(found.prosecutor.highest), chance_text(found.prosecutor.average)]
    )
    if found.journalist is not None:
        yield _line(
            "journalist: highest, mean", [chance_text(found.journalist.highest), chance_text(found.journalist.average)]
        )
    yield _line("marketer", [chance_text(found.marketer)])


def show_intersection(found: "IntersectionFigures") -> None:
    """Print an intersection of two releases."""
    click.echo("")
    pinned = shown_share(found.pinned, found.people, found.k)
    mean = chance_text(max(found.both.mean, found.both_weighted.mean))
    note = (
        f"both releases together: mean {mean}, {pinned} of people pinned to one record",
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
            click.echo(_line(label, [chance_text(getattr(one, name)) for one in columns]))
        for limit in found.both.over:
            shares = [shown_share(one.over[limit], found.people, found.k) for one in columns]
            click.echo(_line(f"people above {100 * float(limit):.3g} %", shares))


def show_membership(found: "MembershipFigures") -> None:
    """Print a membership attack."""
    click.echo(f"{found.members:,} members and {found.outsiders:,} others, by {columns_text(found.columns)}\n")
    if any(found.few):
        advantage = "advantage not shown: of members or others, fewer than k are found"
    else:
        level, interval = f"{found.confidence:.0%}", interval_text(found.advantage_interval)
        advantage = f"advantage {chance_text(found.advantage)}, {level} interval {interval}"
    best = f"At the best threshold of expected rows it is {chance_text(found.best_advantage)}."
    show_notes([(advantage, f"Members are found more often than others by so much. {best}")])
    shares = (found.found_members, found.members), (found.found_outsiders, found.outsiders)
    rates = found.members_rate, found.outsiders_rate
    click.echo(_line("people with a compatible class", ["members", "others"]))
    click.echo(_line("share", [shown_share(share, people, found.k) for share, people in shares]))
    for name in ("low", "high"):
        ends = ["-" if few else chance_text(getattr(rate, name)) for few, rate in zip(found.few, rates, strict=True)]
        click.echo(_line(f"{found.confidence:.0%} interval, {name}", ends))


def show_scores(found: "MembershipReport") -> None:
    """Print a membership attack on a model."""
    click.echo(f"{found.attack}: {found.members:,} members and {found.non_members:,} others\n")
    interval = found.advantage_interval
    how = "the largest of all thresholds" if interval is None else f"interval {interval_text(interval)}"
    area = f"A member's score is above another's with probability {chance_text(found.auc)}; 50 % without knowledge."
    show_notes([(f"advantage {chance_text(found.advantage)}, {how}", area)])
    click.echo(_line("", ["share", "low", "high"]))
    parts = [("true positives", found.true_positives), ("false positives", found.false_positives)]
    parts += [(f"true positives at {rate} false", one) for rate, one in found.at_false_positive_rate.items()]
    for name, one in parts:
        if one is not None:
            click.echo(_line(name, [chance_text(part) for part in (one.share, one.rate.low, one.rate.high)]))
    click.echo(f"\nlow and high: {found.confidence:.0%} intervals")


def _learned(answers: "Answers", k: int) -> Iterator[str]:
    """Yield the table of sensitive columns."""
    if not answers.sensitive:
        return
    yield _line("what is learned", ["even", "weighted", "base rate"])
    for name, one in answers.sensitive.items():
        yield _line(f"{name}: top value", [chance_text(part) for part in (one.top_even, one.top, one.top_base)])
        if one.own is not None and one.own_even is not None and one.own_base is not None:
            yield _line(f"{name}: own value", [chance_text(part) for part in (one.own_even, one.own, one.own_base)])
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
