"""What a study returns shows its verdicts and figures."""

from __future__ import annotations

from dataclasses import fields
from html import escape
from pathlib import Path

from maskwright.studies.findings_text import format_findings
from maskwright.studies.outcome import StudyOutcome
from maskwright.studies.record import StudyRecord
from tests.studies.synthetic import synthetic_study


def outcome_of(record: StudyRecord) -> StudyOutcome:
    return StudyOutcome(**{item.name: getattr(record, item.name) for item in fields(record)})


def test_it_shows_figures_verdicts_and_the_answer() -> None:
    record = synthetic_study()
    html = outcome_of(record)._repr_html_()
    assert html.count("<svg") == 2
    for line in format_findings(record):
        assert escape(line) in html
    assert "block(size=2) is better than random" in html


def test_names_are_text_on_the_page() -> None:
    html = outcome_of(synthetic_study(baseline="<b>random</b>"))._repr_html_()
    assert "<b>" not in html


def test_before_the_first_trial_has_ended_it_says_so() -> None:
    outcome = outcome_of(synthetic_study(trials=[]))
    assert str(outcome) == "No trial has finished yet, so there is nothing to compare."
    assert "<svg" not in outcome._repr_html_()


def test_it_equals_the_record_that_is_read_back(tmp_path: Path) -> None:
    outcome = outcome_of(synthetic_study())
    outcome.save(tmp_path / "study.json")
    assert StudyRecord.load(tmp_path / "study.json") == outcome
    assert outcome == StudyRecord.load(tmp_path / "study.json")
    assert outcome != outcome_of(synthetic_study(seeds=4))
