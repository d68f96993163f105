"""A published report is small, free of this machine's paths, and made of finished studies alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from maskwright.cli.main import main
from maskwright.studies.record import StudyRecord
from maskwright.studies.report.figures import Drawing
from maskwright.studies.report.page import write_report
from maskwright.studies.report.published import FromRuns, read_report
from maskwright.studies.report.runs import PictureRow, Pictures, Tile
from maskwright.studies.report.tables import Table
from maskwright.studies.voting.ballot_box import BallotBox
from tests.studies.report.test_page import synthetic_trials
from tests.studies.synthetic import synthetic_study, synthetic_trial
from tests.studies.voting.ballots import make_ballot


def test_a_published_report_names_no_folder_of_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = "Could not read /home/someone/photos/cat.png: see https://example.org/a/b."
    trials = [
        synthetic_trial("random", 0, 0.0, settings={"data": "/home/someone/photos"}),
        synthetic_trial("random", 1, 0.0, state="failed", error=error),
    ]
    synthetic_study(
        trials=trials, plan={"data": "/home/someone/photos", "recipe": "a/b.yaml"}
    ).save(tmp_path / "study.json")
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


def test_a_published_report_is_made_anew_where_it_lies_and_keeps_what_came_from_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = synthetic_trials(3)
    record = synthetic_study(seeds=3, trials=trials)
    tile = Tile("data:image/webp;base64,AAAA", "18.2 dB & more")
    kept = FromRuns(
        curves=[Drawing('<svg viewBox="0 0 1 1"></svg>', "Loss < 1; means over seeds.")],
        pictures=Pictures(
            [PictureRow("pictures", [replace(tile, span=2)] * 2), PictureRow("a <b>", [tile] * 4)],
            [PictureRow("common masks", [tile] * 2)],
            ["grid: cannot be drawn"],
            pixels=64,
        ),
        masks=Table(["arm", "distance"], [["a|b", "1.3"]]),
        others=Table(["arm", "lowpass: half at"], [["random", "4.5 [4.4, 4.6]"]]),
    )
    place = tmp_path / "kept"
    page = write_report(record, place, kept=kept)
    assert read_report(page, place / "report.md") == kept
    before = [undated(page), undated(place / "report.md"), (place / "study.json").read_text()]
    page.write_text(
        page.read_text().replace("block(size=2) is better", "the answer of another day")
    )
    assert main(["publish", str(place), str(place)]) == 0
    after = [undated(page), undated(place / "report.md"), (place / "study.json").read_text()]
    assert after == before

    assert main(["publish", str(place), str(place), "--pictures", "false"]) == 0
    bare = page.read_text()
    assert "data:image" not in bare
    assert "The pictures are left out of this report." in bare
    assert "Loss &lt; 1; means over seeds." in bare


def undated(file: Path) -> str:
    """A file of a report without the time at which it was made."""
    return re.sub(r"page made.*", "", file.read_text())


def test_a_file_too_large_for_git_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = [synthetic_trial("random", 0, 0.0, per_image={"linear top1": "01" * 1_100_000})]
    synthetic_study(trials=trials).save(tmp_path / "study.json")
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
    synthetic_study(
        trials=[
            synthetic_trial("random", seed, 0.0, state=state)
            for seed, state in enumerate(("done", "waiting"))
        ]
    ).save(study / "study.json")
    assert "1 of 2 trials of" in refusal(study)
    synthetic_study(trials=[synthetic_trial("random", 0, 0.0)]).save(study / "study.json")
    assert "own folder" in refusal(study, "study")


def test_a_vote_is_quoted_once_it_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic_study(seeds=3, trials=synthetic_trials(3)).save(tmp_path / "study.json")
    box = BallotBox.create(tmp_path / "votes.db", make_ballot(("random", "block", "grid")))
    secret = box.join("ann")
    while (showing := box.next(secret)) is not None:
        box.answer(secret, showing.token, "left")
    place = tmp_path / "kept"
    assert main(["publish", str(tmp_path), str(place)]) == 0
    assert "has not ended" in capsys.readouterr().out
    assert "Votes by people" not in (place / "report.md").read_text()
    box.close()
    assert main(["publish", str(tmp_path), str(place)]) == 0
    # Made anew from the published record alone, the report still quotes the vote.
    for _ in range(2):
        assert "## Votes by people" in (place / "report.md").read_text()
        assert "by 1 rater on 4 pictures" in (place / "report.html").read_text()
        assert "| arm | score (log odds" in (place / "report.md").read_text()
        assert main(["publish", str(place), str(place)]) == 0
