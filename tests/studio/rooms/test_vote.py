"""The room of votes: nobody learns which model made which fill before the end, and votes count."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from maskwright.studies.voting.ballot_box import BallotBox
from maskwright.studies.voting.vote_results import count_votes
from maskwright.studio.app import build_app
from maskwright.workflows.settings.studio_settings import StudioSettings
from tests.studio.conftest import ORIGIN

# What would give the models away: the labels and the files of the two of the fixture.
NAMES = ("first", "second", ".ckpt")


@pytest.fixture
def votes(studio_settings: StudioSettings) -> Iterator[Path]:
    """The folder of votes, empty again afterwards."""
    folder = Path(studio_settings.votes)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def ask_for(client: TestClient, **changes: Any) -> dict[str, Any]:
    models = [model["id"] for model in client.get("/api/studio").json()["models"]]
    return {
        "title": "Which fill looks right?",
        "models": models,
        "data": 0,
        "count": 3,
        "policy": "random",
        "ratio": 0.5,
        "seed": 0,
        "per_rater": 60,
        "show_original": False,
        **changes,
    }


def make(client: TestClient, **changes: Any) -> str:
    answer = client.post("/api/vote/make", json=ask_for(client, **changes))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["vote"])


def test_nothing_names_a_model_before_the_end(client: TestClient, votes: Path) -> None:
    vote = make(client, show_original=True)
    seen: list[bytes] = []

    def look(answer: Any) -> Any:
        seen.append(str(answer.request.url).encode() + str(dict(answer.headers)).encode())
        seen.append(answer.content)
        return answer

    look(client.get("/api/vote/list"))
    look(client.get(f"/api/vote/{vote}/state"))
    secret = look(client.post(f"/api/vote/{vote}/join", json={"name": "ann"})).json()["secret"]
    asked = look(client.post(f"/api/vote/{vote}/ask", json={"secret": secret})).json()
    count = 0
    while asked["question"] is not None:
        token = asked["question"]["token"]
        for part in ("left", "right", "masked", "original"):
            png = look(client.get(f"/api/vote/{vote}/picture/{token}/{part}")).content
            # Neither text in the file nor anything beside the pixels.
            assert Image.open(io.BytesIO(png)).info == {}
        body = {"secret": secret, "token": token, "answer": ("left", "tie")[count % 2]}
        asked = look(client.post(f"/api/vote/{vote}/ask", json=body)).json()
        count += 1
    assert count == 3
    for address in ("results", "votes.csv"):
        refused = look(client.get(f"/api/vote/{vote}/{address}"))
        assert refused.status_code == 400
    for content in seen:
        assert not any(name.encode() in content for name in NAMES), content[:200]
    # The two fills differ, so somebody was really asked something.
    assert client.post(f"/api/vote/{vote}/close", json={}).status_code == 200
    results = client.get(f"/api/vote/{vote}/results").json()
    assert results["methods"] == ["first.ckpt", "second.ckpt"] or set(results["methods"]) == {
        "first",
        "second",
    }
    table = client.get(f"/api/vote/{vote}/votes.csv").text
    assert table.startswith("rater,picture,left,right,answer,preferred,answered\nann,")
    assert len(table.splitlines()) == 4


def test_mistakes_are_sentences(client: TestClient, votes: Path) -> None:
    for changes in (
        {"models": []},
        {"models": ["nothing", "else"]},
        {"data": 7},
        {"count": 1},
        {"policy": "given(path=masks.npz)"},
        {"policy": "random; block(size=2)"},
        {"policy": "foreground"},
        {"ratio": "much"},
        {"study": "../photos", "study_seed": 0},
        {"title": " "},
    ):
        answer = client.post("/api/vote/make", json=ask_for(client, **changes))
        assert answer.status_code == 400, changes
        assert answer.json()["error"].endswith((".", ")"))
    assert not list(votes.glob("*"))
    vote = make(client)
    for body in ({}, {"secret": "guess"}, {"secret": 3}):
        assert client.post(f"/api/vote/{vote}/ask", json=body).status_code == 400
    assert client.get(f"/api/vote/{vote}/picture/guess/left").status_code == 400
    assert client.get("/api/vote/guess/state").status_code == 400


def test_a_vote_to_the_end_by_keyboard(
    page: Any, studio_address: str, studio_settings: StudioSettings, votes: Path
) -> None:
    with TestClient(
        build_app(studio_settings), base_url="http://127.0.0.1", headers=ORIGIN
    ) as client:
        vote = make(client)
    page.goto(f"{studio_address}/#/vote?vote={vote}")
    page.get_by_label("Your name or initials").wait_for()
    page.keyboard.type("ann")
    page.keyboard.press("Enter")
    keys = ["ArrowLeft", "Backspace", "ArrowRight", "ArrowDown", "ArrowLeft"]
    shown = [1, 2, 1, 2, 3]
    for number, key in zip(shown, keys, strict=True):
        page.get_by_text(f"Question {number} of 3").wait_for()
        page.keyboard.press(key)
    page.get_by_role("heading", name="Thank you").wait_for()
    # The summary has the focus, and the button behind it is one step away.
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("How often the first was preferred").wait_for()
    (path,) = votes.glob("*.db")
    answers = [row["answer"] for row in BallotBox(path).answered()]
    assert answers == ["right", "tie", "left"]
    assert count_votes(BallotBox(path)).votes == 3
    with page.expect_download(timeout=5000) as saved:
        page.get_by_role("button", name="Votes as CSV").click()
    assert saved.value.suggested_filename == "votes.csv"
