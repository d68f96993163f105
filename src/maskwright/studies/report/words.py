"""The answer of a report in sentences: what was shown, what was not, what could have been."""

from __future__ import annotations

from collections.abc import Sequence

from maskwright.studies.findings import ArmFinding, Finding
from maskwright.studies.number_text import format_interval, format_p
from maskwright.studies.statistics import (
    BETTER,
    EXPLORATORY,
    HIGHER,
    LOWER,
    WORSE,
    Difference,
)


def answer_lines(findings: Sequence[Finding], baseline: str) -> list[str]:
    """The answer to the study's question: what the main metric says, effects first."""
    if not findings:
        return ["No trial has finished yet."]
    return [*effect_lines(findings[0]), *finding_lines(findings[0], baseline)]


def finding_lines(finding: Finding, baseline: str) -> list[str]:
    """One metric in sentences: which arms are better or worse, and what could not be shown."""
    shown = (BETTER, WORSE) if finding.is_claim else (HIGHER + EXPLORATORY, LOWER + EXPLORATORY)
    lines = []
    for verdict in shown:
        lines += [_shown_line(finding, arm, baseline) for arm in finding.named(verdict)]
    # Arms without a shown difference share a sentence per verdict.
    compared = [arm for arm in finding.arms if arm.difference is not None]
    others = [arm for arm in compared if arm.difference and not arm.difference.is_shown]
    for verdict in dict.fromkeys(arm.verdict for arm in others):
        arms = [arm for arm in others if arm.verdict == verdict]
        names = _list([arm.arm for arm in arms], len(compared), "other arms")
        # Where nothing was judged, what would have been shown says nothing either.
        judged = [] if verdict.startswith("no verdict") else [arm.difference for arm in arms]
        reach = _reach(judged, finding.change_decimals)
        lines.append(f"{verdict[0].upper()}{verdict[1:]}: {names}{reach}.")
    lines += _floor_lines(finding)
    if not finding.has_baseline:
        lines.append(f"The baseline {baseline} has no finished trial, so nothing is compared.")
    return lines


def _floor_lines(finding: Finding) -> list[str]:
    """Which arms are no better than random weights.

    That two such arms do not differ says nothing about what they were trained with.
    """
    arms = [arm for arm in finding.arms if not arm.has_learned]
    if not arms or arms[0].floor is None:
        return []
    # Floors of several shapes differ little; the first one stands for all.
    floor = arms[0].floor
    names = join_names([arm.arm for arm in arms])
    reached = format_interval(floor.value, floor, finding.decimals)
    return [
        f"Not shown to have learned more than random weights ({reached} over test pictures) on this"
        f" metric: {names}. That such arms do not differ says nothing about how they were trained."
    ]


def _shown_line(finding: Finding, arm: ArmFinding, baseline: str) -> str:
    """A difference that was shown, with what speaks for it."""
    assert arm.difference is not None
    # Which way, how much, how many seeds agree, how likely by chance, which pictures.
    change = arm.difference.sample
    decimals = finding.change_decimals
    word = arm.verdict.removesuffix(EXPLORATORY)
    opening = "" if finding.is_claim else "Exploratory: "
    difference = format_interval(change.mean, change.interval, decimals, signed=True)
    agree = f"{arm.difference.agreeing} of {change.count} seeds agree"
    return (
        f"{opening}{arm.arm} is {word} than {baseline}: {difference}, {agree}"
        f"{_format_p(arm.difference)}{_over_pictures(arm, decimals)}."
    )


def _format_p(difference: Difference) -> str:
    if difference.holm is None:
        return ""
    return f", p {format_p(difference.holm)} after correction"


def _over_pictures(arm: ArmFinding, decimals: int) -> str:
    """How far the difference depends on which pictures were tested, where answers were kept."""
    reach = arm.over_pictures
    if reach is None:
        return ""
    # Two sentences: whether other pictures might turn the sign or not.
    interval = f"[{reach.low:+.{decimals}f}, {reach.high:+.{decimals}f}]"
    if arm.pictures_tell:
        return f"; over the {arm.pictures:,} test pictures {interval}"
    return f"; but {arm.pictures:,} test pictures are too few to tell, their interval is {interval}"


def _reach(differences: Sequence[Difference | None], decimals: int) -> str:
    """What such a study would have shown: the largest of the detectable differences.

    It holds for every one of them.
    """
    testable = [
        difference
        for difference in differences
        if difference is not None and difference.detectable is not None
    ]
    if not testable:
        return ""
    most = max(difference.detectable or 0.0 for difference in testable)
    # All differences of a metric were corrected together, so any of them knows how many.
    count = testable[0].comparisons
    corrected = f"after correction for {count} comparisons, " if count > 1 else ""
    pronoun = "it" if len(testable) == 1 else "one of them"
    return (
        f"; had {pronoun} truly differed by {most:.{decimals}f},"
        f" 80% of such studies would have shown it ({corrected}at the spread over seeds seen here)"
    )


def join_names(names: Sequence[str]) -> str:
    """Names in a row, parted by semicolons where one of them has a comma."""
    return ("; " if any("," in name for name in names) else ", ").join(names)


def effect_lines(finding: Finding) -> list[str]:
    """The answer of a factorial plan: what each setting does on average over all arms."""
    lines = []
    decimals = finding.decimals
    opening = "" if finding.is_claim else "Exploratory: "
    for name, effect in finding.effects.items():
        if not effect.is_shown:
            continue
        word = effect.verdict.removesuffix(EXPLORATORY)
        # An interaction is named after the two changes that it joins.
        if " x " in name:
            words = f"Interaction {name}: {word} than their sum"
        else:
            words = f"On average over all arms, {name} is {word}"
        sample = effect.sample
        size = format_interval(sample.mean, sample.interval, decimals, signed=True)
        lines.append(f"{opening}{words}: {size}{_format_p(effect)}.")
    others = {name: effect for name, effect in finding.effects.items() if not effect.is_shown}
    if others:
        names = _list(list(others), len(finding.effects), "factors and interactions")
        reach = _reach(list(others.values()), decimals)
        lines.append(f"{opening}No effect shown of {names}{reach}{_not_learned(finding)}.")
    return lines


def _not_learned(finding: Finding) -> str:
    """What an effect that was not shown is worth where arms have not learned."""
    silent = sum(not arm.has_learned for arm in finding.arms)
    if not silent:
        return ""
    return (
        f"; {silent} of {len(finding.arms)} arms are not shown to have learned, so this is no"
        " evidence that there is none"
    )


def _list(names: Sequence[str], of: int, things: str) -> str:
    """All the names, unless they are many and none is missing: then `any of the 7 other arms`."""
    # Four names or more are hard to read in a sentence.
    return f"any of the {of} {things}" if len(names) == of >= 4 else join_names(names)


def title_words(finding: Finding) -> str:
    """A metric with its unit, source and direction."""
    where = f", {finding.metric.where}" if finding.metric.where else ""
    return f"{finding.metric.title}{where}; {finding.metric.direction}; {finding.standing}"
