"""The report of a study: a page that needs nothing else, the same in Markdown, and the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from maskwright.studies.findings import Finding, find
from maskwright.studies.record import StudyRecord
from maskwright.studies.report.figures import (
    Drawing,
    frontier_drawings,
    interval_drawings,
    learning_drawings,
)
from maskwright.studies.report.measured_figures import (
    accuracy_drawings,
    epoch_drawings,
    term_drawings,
)
from maskwright.studies.report.measured_tables import (
    difference_table,
    effects_table,
    mask_table,
    other_table,
    reconstruction_matrix,
    verdict_table,
)
from maskwright.studies.report.notes import notes_of, trial_facts
from maskwright.studies.report.published import FromRuns
from maskwright.studies.report.runs import (
    MOST_PICTURES,
    NO_PICTURES,
    Pictures,
    draw_pictures,
    read_diagnostics,
    read_mask_statistics,
    read_rows,
)
from maskwright.studies.report.tables import Table, compute_table, design_table, failure_table
from maskwright.studies.report.votes import vote_table
from maskwright.studies.report.words import (
    answer_lines,
    effect_lines,
    finding_lines,
    title_words,
)
from maskwright.studies.voting.vote_table import vote_lines
from maskwright.support.files import write_text
from maskwright.support.plurals import count_of
from maskwright.support.yaml_text import write_yaml
from maskwright.workflows.runs.run_folder import now

REPORT, MARKDOWN, RECORD = "report.html", "report.md", "study.json"
MOST_BYTES = 2_000_000
"""Reports lie under git, and open on a phone."""


@dataclass(frozen=True, kw_only=True)
class MetricSection:
    """One metric of the report.

    name: the metric with its unit.
    words: with its source and direction too.
    said: what was found, in sentences.
    effects: those of a factorial plan.
    """

    name: str
    words: str
    said: Sequence[str]
    verdicts: Table
    drawings: Sequence[Drawing]
    effects: Table | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that the templates show.

    made: when.
    answer: the answer to the study's question, in sentences.
    notes: what to know before believing it.
    sections: one per metric, the main one first.
    frontier: the main metric against compute.
    curves: how arms learned.
    matrix: every model under every arm's masks.
    masks: statistics of the masks that arms trained with.
    others: numbers without verdicts.
    votes: what people preferred, in sentences.
    vote_scores: scores of more than two arms by their votes.
    pairs: diagnostics of each arm minus those of the baseline.
    plan: the plan as YAML.
    facts: commits, versions, hardware.
    """

    record: StudyRecord
    made: str
    answer: Sequence[str]
    notes: Sequence[str]
    design: Table
    sections: Sequence[MetricSection]
    compute: Table
    frontier: Sequence[Drawing]
    curves: Sequence[Drawing]
    matrix: Table | None
    masks: Table | None
    others: Table | None
    pairs: Table | None
    failures: Table | None
    votes: Sequence[str]
    vote_scores: Table | None
    pictures: Pictures
    plan: str
    facts: Sequence[tuple[str, str]]


def write_report(
    record: StudyRecord,
    folder: Path | str,
    *,
    runs: Path | str | None = None,
    pictures: bool = True,
    kept: FromRuns | None = None,
) -> Path:
    """Write report.html, report.md and study.json into a folder and return the page.

    Works for unfinished studies too. A page that would be over 2 MB shows fewer pictures, or none
    and says so.

    runs: the study's folder, in which the run folders are (default: `folder`); learning curves,
        masks and reconstructions come from them.
    pictures: whether to draw reconstructions.
    kept: what an earlier report had from run folders that are gone.
    """
    folder = Path(folder)
    report = build_report(record, Path(folder if runs is None else runs), pictures)
    # FromRuns has the names of fields of Report.
    if kept is not None:
        report = replace(report, **vars(kept))
    # The page first: an error in it leaves the old report whole.
    page = _render_small(report)
    record.save(folder / RECORD)
    write_text(folder / MARKDOWN, _render("report.md", report))
    write_text(folder / REPORT, page)
    return folder / REPORT


def build_report(record: StudyRecord, runs: Path, pictures: bool = True) -> Report:
    """Judge the record and draw its figures."""
    # Judged once: sentences, tables and figures must agree.
    findings = find(record)
    rows = read_rows(record, runs)
    diagnostics = read_diagnostics(record, runs)
    # The main metric comes first, and only it is drawn against compute.
    main = findings[0] if findings else None
    return Report(
        record=record,
        made=now(),
        answer=answer_lines(findings, record.baseline),
        notes=notes_of(record, findings),
        design=design_table(record),
        sections=_sections(record, findings),
        compute=compute_table(record),
        frontier=frontier_drawings(record, main) if main else [],
        curves=[
            *learning_drawings(record, rows),
            *epoch_drawings(record),
            *term_drawings(record, rows),
        ],
        matrix=reconstruction_matrix(record),
        masks=mask_table(read_mask_statistics(record, runs)),
        others=other_table(record, findings, diagnostics),
        pairs=difference_table(record, diagnostics),
        failures=failure_table(record),
        votes=vote_lines(record.votes) if record.votes else [],
        vote_scores=vote_table(record.votes) if record.votes else None,
        pictures=draw_pictures(record, runs) if pictures else NO_PICTURES,
        plan=write_yaml(record.plan),
        facts=trial_facts(record.finished()),
    )


def _sections(record: StudyRecord, findings: Sequence[Finding]) -> list[MetricSection]:
    """A section for each metric; the first also has the accuracies side by side."""
    sections = [_section(record, finding) for finding in findings]
    if sections:
        first = sections[0]
        bars = accuracy_drawings(record, findings)
        sections[0] = replace(first, drawings=[*first.drawings, *bars])
    return sections


def _section(record: StudyRecord, finding: Finding) -> MetricSection:
    return MetricSection(
        name=finding.metric.title,
        words=title_words(finding),
        said=[*effect_lines(finding), *finding_lines(finding, record.baseline)],
        verdicts=verdict_table(finding),
        drawings=interval_drawings(record, finding),
        effects=effects_table(finding) if finding.effects else None,
    )


def _render_small(report: Report) -> str:
    """The page with as many pictures as fit."""
    # Fewer pictures are better than none.
    for count in (MOST_PICTURES, 2, 1):
        page = _render("report.html", replace(report, pictures=report.pictures.first(count)))
        if len(page.encode()) <= MOST_BYTES:
            return page
    # Figures alone are never that large, so without pictures any page fits.
    left_out = Pictures(left_out=["The pictures would make this page larger than 2 MB."])
    return _render("report.html", replace(report, pictures=left_out))


def _render(name: str, report: Report) -> str:
    """Fill one of the templates that come with the package."""

    # Templates lie in studies/pages, which is part of the package.
    def read(template: str) -> str:
        return (files("maskwright.studies") / "pages" / template).read_text(encoding="utf-8")

    # Markdown is no HTML: escaping would show there as it stands.
    environment = Environment(
        loader=FunctionLoader(read),
        autoescape=name.endswith(".html"),
        # a misspelled name in a template is an error, not an empty place
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count_of"] = count_of
    values: dict[str, Any] = {"report": report, "record": report.record}
    return environment.get_template(name).render(values).rstrip() + "\n"
