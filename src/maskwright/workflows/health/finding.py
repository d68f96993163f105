"""One finding about a run, and what all of them together say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Level = Literal["good", "fact", "note", "early", "broken"]
"""What a finding does to the verdict: it speaks for learning; is only worth knowing; names
something to change that does not decide; says that nothing was learned yet; or that it cannot be
this way.
"""
Verdict = Literal["learned", "not yet", "not working"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found, and what can be done about it.

    name: of the rule.
    level: what it does to the verdict.
    text: what was found, in a sentence or two.
    advice: what to change; empty where nothing has to be.
    command: the command that does it.
    numbers: what was measured, ready for JSON.
    """

    name: str
    level: Level
    text: str
    advice: str = ""
    command: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {**asdict(self), "numbers": finite_or_none(self.numbers)}

    def sentences(self) -> list[str]:
        """The finding in lines for people."""
        lines = [f"  {LABELS[self.level]:<8} {self.name}: {self.text}"]
        if self.advice:
            lines.append(f"           {self.advice}")
        if self.command:
            lines.append(f"           {self.command}")
        return lines


LABELS: dict[Level, str] = {
    "good": "good",
    "fact": "fact",
    "note": "note",
    "early": "not yet",
    "broken": "problem",
}
# What is worst is read first.
ORDER: tuple[Level, ...] = ("broken", "early", "note", "good", "fact")


def by_weight(findings: Sequence[Finding]) -> list[Finding]:
    """The findings with the worst first; those of one level stay in their order."""
    return sorted(findings, key=lambda finding: ORDER.index(finding.level))


def reach_verdict(findings: Sequence[Finding]) -> Verdict:
    """One broken finding decides; learned takes a good one and none that says not yet."""
    levels = {finding.level for finding in findings}
    if "broken" in levels:
        return "not working"
    return "learned" if "good" in levels and "early" not in levels else "not yet"


def finite_or_none(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The same numbers, with None in the place of NaN and infinity, which JSON does not know."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in numbers.items()
    }
