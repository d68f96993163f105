"""The room of studies: the list, one study, and its report in a frame that can do nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from maskwright.studies.report.page import write_report
from tests.studies.report.test_page import synthetic_trials
from tests.studies.synthetic import synthetic_study


@pytest.fixture
def study(studio_place: Path) -> Iterator[Path]:
    """A published study below the folder of studies."""
    folder = studio_place / "studies" / "kept"
    write_report(synthetic_study(seeds=3, trials=synthetic_trials(3)), folder)
    yield folder
    shutil.rmtree(folder)


def test_a_study_is_listed_and_shown(client: TestClient, study: Path) -> None:
    (entry,) = client.get("/api/studies/list").json()["studies"]
    assert (entry["study"], entry["report"], entry["waiting"]) == ("kept", True, 0)
    view = client.get("/api/studies/progress?study=kept").json()
    assert len(view["trials"]) == len(view["arms"]) * len(view["seeds"])
    assert view["answer"]


def test_a_damaged_study_does_not_hide_the_others(client: TestClient, study: Path) -> None:
    broken = study.parent / "broken"
    broken.mkdir()
    (broken / "study.json").write_text("{")
    entries = {item["study"]: item for item in client.get("/api/studies/list").json()["studies"]}
    shutil.rmtree(broken)
    assert "JSON" in entries["broken"]["error"]
    assert not entries["kept"]["error"]


def test_the_report_may_run_nothing_and_nothing_outside_is_given(
    client: TestClient, study: Path
) -> None:
    answer = client.get("/api/studies/report?study=kept")
    policy = answer.headers["content-security-policy"]
    assert answer.text.startswith("<!doctype html>")
    assert "sandbox;" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    for place in ("..", "/etc", "kept/../..", "nothing"):
        assert client.get(f"/api/studies/report?study={place}").status_code == 400


def test_the_page_shows_the_report(page: Any, studio_address: str, study: Path) -> None:
    page.goto(f"{studio_address}/#/studies")
    page.get_by_text("finished").first.wait_for()
    report = page.frame_locator("iframe")
    report.get_by_role("heading", name="Verdicts").wait_for()
    # Styled by the report itself: the policy of the page would have left it plain.
    color = report.locator("section.answer").evaluate(
        "box => getComputedStyle(box).borderLeftWidth"
    )
    assert color != "0px"
