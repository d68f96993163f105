"""The answer of a report in sentences: what was shown, what was not, and what such a study would
have shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from maskwright.studies.findings import (
    ArmFinding,
    Finding,
    compare_p,
    format_interval,
    standing,
    title_of,
    way_words,
)
from maskwright.studies.statistics import (
    BETTER,
    EXPLORATORY,
    HIGHER,
    LOWER,
    WORSE,
    Difference,
)


def answer_lines(findings: Sequence[Finding], baseline: str) -> list[str]:
    """The answer to the study's question: what the main metric says, effects of a factorial plan
    first.
    """
    if not findings:
        return ["No trial has finished yet."]
    return [*effect_lines(findings[0]), *finding_lines(findings[0], baseline)]


def finding_lines(finding: Finding, baseline: str) -> list[str]:
    """One metric in sentences: which arms are better, which are worse, and what could
    not be shown.
    """
    shown = (BETTER, WORSE) if finding.is_claim else (HIGHER + EXPLORATORY, LOWER + EXPLORATORY)
    said = [_shown_line(finding, one, baseline) for word in shown for one in finding.named(word)]
    compared = [one for one in finding.arms if one.difference is not None]
    rest = [one for one in compared if one.difference and not one.difference.is_shown]
    for verdict in dict.fromkeys(one.verdict for one in rest):
        some = [one for one in rest if one.verdict == verdict]
        names = _list([one.arm for one in some], len(compared), "other arms")
        reach = _reach([one.difference for one in some], finding.change_decimals)
        said.append(f"{verdict[0].upper()}{verdict[1:]}: {names}{reach}.")
    said += _floor_lines(finding)
    if not finding.has_baseline:
        said.append(f"The baseline {baseline} has no finished trial, so nothing is compared.")
    return said


def _floor_lines(finding: Finding) -> list[str]:
    """Which arms are no better than random weights: that two such arms do not differ says nothing
    about what they were trained with.
    """
    some = [one for one in finding.arms if not one.has_learned]
    if not some or some[0].floor is None:
        return []
    floor, names = some[0].floor, join_names([one.arm for one in some])
    told = format_interval(floor.value, floor, finding.decimals)
    return [
        f"Not shown to have learned more than random weights ({told} over test pictures) on this"
        f" metric: {names}. That such arms do not differ says nothing about how they were trained."
    ]


def _shown_line(finding: Finding, one: ArmFinding, baseline: str) -> str:
    """A difference that was shown, with what speaks for it."""
    assert one.difference is not None
    change, decimals = one.difference.sample, finding.change_decimals
    word = one.verdict.removesuffix(EXPLORATORY)
    opening = "" if finding.is_claim else "Exploratory: "
    told = format_interval(change.mean, change.interval, decimals, signed=True)
    agree = f"{one.difference.agreeing} of {change.count} seeds agree"
    return (
        f"{opening}{one.arm} is {word} than {baseline}: {told}, {agree}"
        f"{_format_p(one.difference)}{_over_pictures(one, decimals)}."
    )


def _format_p(one: Difference) -> str:
    return "" if one.holm is None else f", p {compare_p(one.holm)} after correction"


def _over_pictures(one: ArmFinding, decimals: int) -> str:
    """How far the difference depends on which pictures were tested, where answers were kept."""
    seen = one.over_pictures
    if seen is None:
        return ""
    interval = f"[{seen.low:+.{decimals}f}, {seen.high:+.{decimals}f}]"
    if one.pictures_tell:
        return f"; over the {one.pictures:,} test pictures {interval}"
    return f"; but {one.pictures:,} test pictures are too few to tell, their interval is {interval}"


def _reach(differences: Sequence[Difference | None], decimals: int) -> str:
    """What such a study would have shown: the largest of the detectable differences, so that it
    holds for every one of them.
    """
    could = [one for one in differences if one is not None and one.detectable is not None]
    if not could:
        return ""
    most, count = max(one.detectable or 0.0 for one in could), could[0].comparisons
    corrected = f"after correction for {count} comparisons, " if count > 1 else ""
    return (
        f"; had {'it' if len(could) == 1 else 'one of them'} truly differed by {most:.{decimals}f},"
        f" 80% of such studies would have shown it ({corrected}at the spread over seeds seen here)"
    )


def join_names(names: Sequence[str]) -> str:
    """Names in a row, parted by semicolons where one of them has a comma."""
    return ("; " if any("," in name for name in names) else ", ").join(names)


def effect_lines(finding: Finding) -> list[str]:
    """The answer of a factorial plan: what each setting does on average over all arms, and which
    effects could not be shown.
    """
    said, decimals = [], finding.decimals
    opening = "" if finding.is_claim else "Exploratory: "
    for name, one in finding.effects.items():
        if one.is_shown:
            word = one.verdict.removesuffix(EXPLORATORY)
            words = (
                f"On average over all arms, {name} is {word}"
                if " x " not in name
                else f"Interaction {name}: {word} than their sum"
            )
            told = format_interval(one.sample.mean, one.sample.interval, decimals, signed=True)
            said.append(f"{opening}{words}: {told}{_format_p(one)}.")
    rest = {name: one for name, one in finding.effects.items() if not one.is_shown}
    if rest:
        names = _list(list(rest), len(finding.effects), "factors and interactions")
        said.append(f"{opening}No effect shown of {names}{_reach(list(rest.values()), decimals)}.")
    return said


def _list(names: Sequence[str], of: int, things: str) -> str:
    """All the names, unless they are many and none is missing: then `any of the 7 other arms`."""
    return f"any of the {of} {things}" if len(names) == of >= 4 else join_names(names)


def title_words(finding: Finding) -> str:
    """A metric with its unit, source and direction."""
    where = f", {finding.metric.where}" if finding.metric.where else ""
    return f"{title_of(finding.metric)}{where}; {way_words(finding.metric)}; {standing(finding)}"
