"""The verdicts of a study as lines of text, for a console."""

from __future__ import annotations

from maskwright.studies.findings import ArmFinding, Finding, find
from maskwright.studies.number_text import format_interval, format_p
from maskwright.studies.record import StudyRecord


def format_findings(record: StudyRecord) -> list[str]:
    """The verdict tables as lines of text, for a console."""
    lines: list[str] = []
    for finding in find(record):
        metric = finding.metric
        lines.append(f"{metric.title} ({metric.direction}; {finding.standing})")
        # Names of arms make the first column; the others have fixed widths.
        width = max(len(arm.arm) for arm in finding.arms)
        lines += [_arm_line(finding, arm, width) for arm in finding.arms]
    if lines and (silent := record.silent()):
        lines.append(f"no finished trial: {', '.join(silent)}")
    return lines or ["No trial has finished yet, so there is nothing to compare."]


def _arm_line(finding: Finding, arm: ArmFinding, width: int) -> str:
    """One arm: mean, difference, p value and verdict."""
    mean = format_interval(arm.sample.mean, arm.sample.interval, finding.decimals)
    cells = [f"  {arm.arm:<{width}}", f"{mean:<26}"]
    # The baseline has no difference, and its verdict stands right behind its mean.
    if arm.difference is not None:
        change = arm.difference.sample
        decimals = finding.change_decimals
        difference = format_interval(change.mean, change.interval, decimals, signed=True)
        cells.append(f"{difference:<28}")
        if arm.difference.holm is not None:
            cells.append(f"p {format_p(arm.difference.holm)}")
    return "  ".join([*cells, arm.verdict])
