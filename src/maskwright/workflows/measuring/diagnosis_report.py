"""What a diagnosis leaves: a table in the terminal, a figure and a JSON file for each test."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskwright.diagnostics.diagnostic import Diagnostic
from maskwright.diagnostics.findings import format_difference, format_number, number_to_json
from maskwright.support.environment import versions
from maskwright.support.files import write_json
from maskwright.support.text_table import format_table
from maskwright.workflows.measuring.diagnosis import Diagnosis
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.run_folder import now


def format_diagnosis(diagnosis: Diagnosis) -> list[str]:
    """A row for each number and a column for each subject, then notes, the control and pairs."""
    findings = diagnosis.findings
    # Subjects may lack a number: raw pixels have none that need tokens.
    names: dict[str, None] = {}
    for finding in findings:
        names |= dict.fromkeys(finding.numbers)

    rows = [["", *(finding.subject for finding in findings)]]
    for name in names:
        cells = [
            format_number(finding.numbers[name]) if name in finding.numbers else "-"
            for finding in findings
        ]
        rows.append([name, *cells])
    # Last, because times are no answer.
    rows.append(["seconds", *(f"{finding.seconds:.1f}" for finding in findings)])

    # Each subject's notes once, below the table.
    notes = [
        f"  {finding.subject}: {note}"
        for finding in findings
        for note in dict.fromkeys(finding.notes)
    ]
    table = format_table(rows)
    lines = [findings[0].diagnostic, *table, *notes, f"  {findings[0].control}"]
    return [*lines, *_format_differences(diagnosis)]


def _format_differences(diagnosis: Diagnosis) -> list[str]:
    """A row for each number and a column for each pair of encoders."""
    pairs = diagnosis.differences
    if not pairs:
        return []
    names: dict[str, None] = {}
    for by_name in pairs.values():
        names |= dict.fromkeys(by_name)
    rows = [["", *pairs]]
    for name in names:
        cells = [
            format_difference(by_name[name]) if name in by_name else "-"
            for by_name in pairs.values()
        ]
        rows.append([name, *cells])
    heading = "  Paired differences, 95% bootstrap over the same pictures for both:"
    return [heading, *format_table(rows)]


def write_diagnosis(
    stem: Path, question: Diagnostic, diagnosis: Diagnosis, about: Mapping[str, Any]
) -> None:
    """Leave stem.png and stem.json; about: what was measured on, the same for all tests."""
    findings = diagnosis.findings
    differences = {}
    for pair, by_name in diagnosis.differences.items():
        differences[pair] = {name: number_to_json(value) for name, value in by_name.items()}
    # Drawing is timed by itself, so that the seconds of a finding are those of measuring.
    begun = time.perf_counter()
    save_picture(stem.with_name(f"{stem.name}.png"), question.figure(findings))
    seconds = time.perf_counter() - begun
    report = {
        "diagnostic": stem.name,
        **about,
        "made": now(),
        "versions": versions(),
        "seconds_drawing": round(seconds, 3),
        "findings": [finding.to_dict() for finding in findings],
        "differences": differences,
    }
    write_json(stem.with_name(f"{stem.name}.json"), report)
