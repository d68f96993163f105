"""A published report is small, free of this machine's paths, and made of finished studies alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskwright.cli.main import main
from maskwright.studies.record import StudyRecord
from tests.studies.made_up import made_up_study, made_up_trial


def test_a_published_report_names_no_folder_of_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = "Could not read /home/someone/photos/cat.png: see https://example.org/a/b."
    trials = [
        made_up_trial("random", 0, 0.0, settings={"data": "/home/someone/photos"}),
        made_up_trial("random", 1, 0.0, state="failed", error=error),
    ]
    made_up_study(trials=trials, plan={"data": "/home/someone/photos", "recipe": "a/b.yaml"}).save(
        tmp_path / "study.json"
    )
    assert main(["publish", str(tmp_path), str(tmp_path / "kept")]) == 0
    page, kept = (tmp_path / "kept" / name for name in ("report.html", "study.json"))
    said = capsys.readouterr()
    assert f"{page}  0.0" in said.out
    assert "larger than" not in said.out + said.err
    assert (
        "someone"
        not in page.read_text() + kept.read_text() + page.with_name("report.md").read_text()
    )
    assert "Could not read cat.png: see https://example.org/a/b." in page.read_text()
    assert StudyRecord.load(kept).plan == {"data": "photos", "recipe": "a/b.yaml"}


def test_a_file_too_large_for_git_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = [made_up_trial("random", 0, 0.0, per_image={"linear top1": "01" * 1_100_000})]
    made_up_study(trials=trials).save(tmp_path / "study.json")
    assert main(["publish", str(tmp_path), str(tmp_path / "kept")]) == 0
    said = capsys.readouterr()
    assert (said.out + said.err).count("larger than 2 MB") == 1
    assert "study.json is larger than 2 MB" in said.out + said.err


def test_what_is_no_finished_study_is_not_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusal(study: Path, place: str = "kept") -> str:
        assert main(["publish", str(study), str(tmp_path / place)]) == 2
        assert not (tmp_path / "kept").exists()
        return capsys.readouterr().err

    study = tmp_path / "study"
    study.mkdir()
    assert "holds no study: it has no study.json" in refusal(study)
    (study / "plan.yaml").write_text("name: begun\n")
    assert f"run it first: maskwright study {study}/plan.yaml --out {study}" in refusal(study)
    made_up_study(
        trials=[
            made_up_trial("random", seed, 0.0, state=state)
            for seed, state in enumerate(("done", "waiting"))
        ]
    ).save(study / "study.json")
    assert "1 of 2 trials of" in refusal(study)
    made_up_study(trials=[made_up_trial("random", 0, 0.0)]).save(study / "study.json")
    assert "own folder" in refusal(study, "study")
