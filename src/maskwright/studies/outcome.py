"""What a study returns: its record, which shows its verdicts and figures in notebooks."""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.studies.findings import find
from maskwright.studies.findings_text import format_findings
from maskwright.studies.record import StudyRecord
from maskwright.studies.report.figures import interval_drawings
from maskwright.studies.report.notes import notes_of
from maskwright.studies.report.words import answer_lines
from maskwright.support.notebook import drawing_html, lines_html


@dataclass(frozen=True, eq=False)
class StudyOutcome(StudyRecord):
    """The record of a study with what may be concluded from it."""

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same: a record that is read from study.json equals this one."""
        return isinstance(other, StudyRecord) and self.to_dict() == other.to_dict()

    # As every record: it holds mappings.
    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Verdicts by metric, the answer, and what to know before believing it."""
        findings = find(self)
        lines = format_findings(self)
        # Without a finished trial there is no answer yet.
        if findings:
            lines += [*answer_lines(findings, self.baseline), *notes_of(self, findings)]
        return lines

    def _repr_html_(self) -> str:
        """The figures of the main metric and the same lines, for notebooks."""
        findings = find(self)
        drawings = interval_drawings(self, findings[0]) if findings else []
        figures = [drawing_html(drawing.svg, drawing.caption) for drawing in drawings]
        return "".join([*figures, lines_html(self.lines(), wrap=True)])
