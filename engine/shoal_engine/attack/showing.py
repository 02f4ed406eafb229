"""Attacks as small HTML tables for notebooks, and shares of people that show no count below k."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shoal_engine.attack.figures import Answers, Chances, LinkageFigures, is_few
from shoal_engine.html_tables import html_summary
from shoal_engine.wording import columns_text, share_text

if TYPE_CHECKING:
    from shoal_engine.attack.attribution import AttributionReport
    from shoal_engine.attack.intersection import IntersectionFigures
    from shoal_engine.attack.success_rates import AttackReport, Interval, Risk

_SHOWN = ("mean", "p95", "highest")


def shown_share(share: float | None, people: int, k: int) -> str:
    """Return a share of people, without a count below k.

    Examples
    --------
    >>> shown_share(0.25, 100, 5), shown_share(0.01, 100, 5), shown_share(None, 100, 5)
    ('25.0 %', 'below k', '-')
    """
    if share is None:
        return "-"
    return "below k" if is_few(share, people, k) else share_text(share)


def chance_text(chance: float) -> str:
    """Return a probability in percent with three digits.

    Examples
    --------
    >>> chance_text(0.0012345), chance_text(0.0)
    ('0.123 %', '0')
    """
    return f"{chance:.3g}" if chance == 0 else f"{100 * chance:.3g} %"


def interval_text(found: "Risk | Interval") -> str:
    """Return an interval in percent.

    Examples
    --------
    >>> from shoal_engine.attack.success_rates import Interval
    >>> interval_text(Interval(-0.014, 0.5))
    '-1.4 to 50.0 %'
    """
    return f"{100 * found.low:.1f} to {100 * found.high:.1f} %"


def few_people(k: int) -> str:
    """Return HTML for a register of fewer than k people, whose figures would state something of each."""
    return html_summary("Attack: figures are not shown", [], [], [f"The register has fewer than k = {k} people."])


def linkage_html(found: LinkageFigures) -> str:
    """Return a linkage attack as HTML."""
    every = {"release": found.answers, "raw table": found.raw, "held out": found.held_out}
    answers = {name: one for name, one in every.items() if one is not None}
    if min(one.people for one in answers.values()) < found.k:
        return few_people(found.k)
    of = "right" if found.right_record_known else "likeliest"
    columns: dict[str, Chances] = {"even": found.answers.even}
    columns |= {"weighted" if name == "release" else name: one.weighted for name, one in answers.items()}
    rows = [[f"{of} record: {name}", *(chance_text(getattr(one, name)) for one in columns.values())] for name in _SHOWN]
    rows += [
        [f"people above {100 * float(limit):.3g} %"]
        + [
            shown_share(one.over[limit], answers.get(name, found.answers).people, found.k)
            for name, one in columns.items()
        ]
        for limit in found.answers.even.over
    ]
    notes = [
        f"Guarantee: highest {chance_text(found.prosecutor.highest)}, mean {chance_text(found.prosecutor.average)}; "
        f"without knowledge {chance_text(found.base_rate)}.",
        *_learned(found.answers, found.k),
    ]
    title = (
        f"Linkage: {found.answers.people:,} people looked up by {columns_text(found.columns)}; highest risk "
        f"{chance_text(found.highest)}, mean {chance_text(found.mean)}"
    )
    return html_summary(title, ["probability", *columns], rows, notes)


def _learned(answers: Answers, k: int) -> Iterator[str]:
    """Yield what is learned of each sensitive column."""
    for name, one in answers.sensitive.items():
        yield (
            f"{name}: one value left for {shown_share(one.homogeneous, answers.people, k)} of people; the most "
            f"probable one has {chance_text(one.top)} on average, {chance_text(one.top_base)} without knowledge."
        )


def intersection_html(found: "IntersectionFigures") -> str:
    """Return an intersection of two releases as HTML."""
    if found.people < found.k:
        return few_people(found.k)
    rows = [
        [f"{name}, rows {how}", *(chance_text(getattr(one, name)) for one in columns)]
        for how, columns in (
            ("even", (found.first, found.second, found.both)),
            ("weighted", (found.first_weighted, found.second_weighted, found.both_weighted)),
        )
        for name in _SHOWN
    ]
    notes = [
        f"{shown_share(found.pinned, found.people, found.k)} of people are pinned to one record; rows are joined by "
        f"{columns_text(found.kept)}."
    ]
    title = f"Intersection: {found.people:,} people looked up by {columns_text(found.columns)} in two releases"
    return html_summary(title, ["probability", "the first", "the other", "both"], rows, notes)


def row_attack_html(found: "AttackReport") -> str:
    """Return an attack on rows of plain values as HTML."""
    parts = [("original rows", found.success), ("control rows", found.control), ("naive guesses", found.baseline)]
    rows = [
        [name, f"{one.attacks:,}", chance_text(one.share), interval_text(one.rate)]
        for name, one in parts
        if one is not None
    ]
    if found.control is not None:
        rows.append(["residual risk", "", chance_text(found.risk.value), interval_text(found.risk)])
    notes = [] if found.beats_baseline else ["The attack is no better than naive guesses: it measures nothing."]
    header = ["", "attacks", "success", f"{found.confidence:.0%} interval"]
    return html_summary(f"Attack: {found.attack}", header, rows, notes)


def attribution_html(found: "AttributionReport") -> str:
    """Return the correct attribution probability as HTML."""
    parts = {"original rows": found.original} | ({} if found.control is None else {"control rows": found.control})
    fields = {
        "found": "keys are released",
        "left_out": "missing keys left out",
        "zero": "missing keys count zero",
        "nearest": "nearest of missing keys",
        "baseline": "without keys",
    }
    rows = [[text, *(_or_none(getattr(one, field)) for one in parts.values())] for field, text in fields.items()]
    rows.append([f"nearest, {found.confidence:.0%} interval", *(interval_text(one.interval) for one in parts.values())])
    return html_summary(f"Attribution: {found.original.attacks:,} rows", ["", *parts], rows)


def _or_none(share: float | None) -> str:
    """Return a probability, or a dash without one."""
    return "-" if share is None else chance_text(share)
