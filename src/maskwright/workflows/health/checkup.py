"""All findings about a run, the verdict, and both in sentences."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.notebook import lines_html, picture_html
from maskwright.workflows.health.evidence import Evidence
from maskwright.workflows.health.finding import Finding, Verdict, by_weight, reach_verdict
from maskwright.workflows.health.rules import RULES

MEANINGS: dict[Verdict, str] = {
    "learned": "it fills in and tells pictures apart as nothing without learning does",
    "not yet": "nothing is broken, but what it has learned does not show yet",
    "not working": "it cannot learn in this way; mend the problems below first",
}


# Beside doctor.json; not every run has features to draw it by.
NEIGHBORS = "neighbors.png"


@dataclass(frozen=True)
class Checkup:
    """What the doctor found.

    verdict: learned, not yet or not working.
    findings: the worst first.
    run: the folder of the run.
    path: the folder of doctor.json and neighbors.png; None where nothing was written.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    run: Path
    path: Path | None = None

    def find(self, name: str) -> Finding | None:
        """The finding of that name, if it was made."""
        return next((item for item in self.findings if item.name == name), None)

    def __str__(self) -> str:
        return "\n".join(self.sentences())

    def _repr_html_(self) -> str:
        """The same lines and the sheet of neighbors, for notebooks."""
        sheet = self.path / NEIGHBORS if self.path is not None else None
        picture = ""
        if sheet is not None and sheet.exists():
            alt = "held-out pictures, each with its nearest neighbors by the features of the run"
            picture = picture_html(sheet.read_bytes(), alt)
        return lines_html(self.sentences()) + picture

    def sentences(self) -> list[str]:
        """The verdict and all findings, in lines for people."""
        lines = [f"{self.run}: {self.verdict} - {MEANINGS[self.verdict]}."]
        for finding in self.findings:
            lines += finding.sentences()
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "run": str(self.run),
            "verdict": self.verdict,
            "meaning": MEANINGS[self.verdict],
            "findings": [finding.to_dict() for finding in self.findings],
        }


def examine(evidence: Evidence, skip: Collection[str] = ()) -> Checkup:
    """Ask every rule but some."""
    findings: list[Finding] = []
    for name in (name for name in RULES if name not in skip):
        findings += _ask(name, evidence)
    return Checkup(reach_verdict(findings), tuple(by_weight(findings)), evidence.record.path)


def _ask(name: str, evidence: Evidence) -> Sequence[Finding]:
    """The findings of one rule; what the model's numbers do not allow is a finding too."""
    rule = RULES[name]
    try:
        return list(rule.find(evidence, rule.limit))
    except MaskwrightError as error:
        # Such as features that are not finite although every weight is.
        return [Finding(name=name, level="broken", text=str(error))]


def write_checkup(folder: Path, checkup: Checkup) -> None:
    """Leave doctor.json."""
    write_json(folder / "doctor.json", checkup.to_dict())
