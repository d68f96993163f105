"""What Paint answers: the numbers of `reconstruct`, and a command that really repeats them."""

from __future__ import annotations

import base64
import io
import json
import shlex
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from maskwright.cli.main import main
from tests.conftest import draw_pictures

MASK = "1100110000110011"


@pytest.fixture
def models(client: TestClient) -> list[str]:
    return [model["id"] for model in client.get("/api/studio").json()["models"]]


def ask(client: TestClient, what: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/api/paint/{what}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pixels(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))


def test_the_page_learns_the_shape_and_the_policies(client: TestClient, models: list[str]) -> None:
    shape = client.get("/api/paint/model", params={"model": models[0]}).json()
    assert (shape["rows"], shape["cols"], shape["patch_size"]) == (4, 4, 4)
    cards = {card["name"]: card for card in shape["policies"]}
    assert cards["block"]["options"][0]["kind"] == "whole"
    assert cards["block"]["options"][0]["default"] == 2
    assert cards["grid"]["options"][0]["choices"] == ["cell", "global"]
    # What is made of files, or of a network that somebody has to train, is not offered.
    assert not {"given", "learned", "mixture"} & set(cards)


def test_visible_pixels_stay_and_hidden_ones_are_predicted(
    client: TestClient, models: list[str]
) -> None:
    answer = client.get("/api/paint/picture", params={"model": models[0], "picture": "d0-0"})
    original = np.asarray(Image.open(io.BytesIO(answer.content)))
    made = ask(client, "fill", models=models, picture="d0-0", mask=MASK)["fills"]
    assert [fill["model"] for fill in made] == models
    composites = [pixels(fill["composite"]) for fill in made]
    is_hidden = np.array([bit == "1" for bit in MASK]).reshape(4, 4).repeat(4, 0).repeat(4, 1)
    for composite in composites:
        assert (composite[~is_hidden] == original[~is_hidden]).all()
        assert (composite[is_hidden] != original[is_hidden]).any()
    assert (composites[0] != composites[1]).any()
    # Where nothing is wrong, the error map has the color of zero.
    assert (pixels(made[0]["error"])[~is_hidden].max(0) <= [1, 1, 4]).all()


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"mask": "1" * 16}, "needs visible and masked"),
        ({"mask": "0" * 16}, "needs visible and masked"),
        ({"mask": "10"}, "16 patches"),
        ({"mask": "2" * 16}, "16 patches"),
        ({"mask": 5}, "needs 'mask'"),
        ({"models": []}, "one to 2 models"),
        ({"models": ["x"]}, "no such model"),
        ({"models": ["/etc/passwd"]}, "no such model"),
        ({"picture": "d0-99"}, "no such picture"),
        ({"picture": None}, "needs 'picture'"),
    ],
)
def test_mistakes_are_sentences(
    client: TestClient, models: list[str], change: dict[str, Any], fragment: str
) -> None:
    body = {"models": models[:1], "picture": "d0-0", "mask": MASK, **change}
    answer = client.post("/api/paint/fill", json=body)
    assert answer.status_code == 400
    assert fragment in answer.json()["error"]


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/paint/fill", content=body)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]


@pytest.mark.parametrize(
    "policy",
    [
        "given(path='/etc/passwd')",
        "0.5*random + 0.5*given(path='x')",
        "turns(given(path='x'))",
        "complement(of=given('x'))",
        "learned(path='/etc/passwd')",
        "learned('scorer')",
        "guided(source='timm:vit_base')",
        "guided('runs/mine')",
        "turns(guided(source='x.ckpt'))",
        "multiblock(blocks=1000000000)",
        "adversarial(width=99999)",
        "adversarial(depth=200)",
        "__import__('os').system('touch /tmp/x')",
        "block(size=1e999)",
        "random" + " " * 400,
    ],
)
def test_policies_that_open_files_or_never_end_are_refused(
    client: TestClient, models: list[str], policy: str
) -> None:
    body = {"models": models[:1], "picture": "d0-0", "policy": policy, "ratio": 0.5, "seed": 0}
    answer = client.post("/api/paint/policy", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"].endswith(".")


def test_a_fault_is_a_sentence_and_its_traceback_is_logged(
    client: TestClient,
    models: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("maskwright.studio.rooms.paint.fill_live", lambda *_: 1 // 0)
    body = {"models": models[:1], "picture": "d0-0", "mask": MASK}
    answer = client.post("/api/paint/fill", json=body)
    assert answer.status_code == 500
    assert answer.json()["error"].startswith("The studio failed at this.")
    assert "Zero" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_fills_that_learn_nothing_stand_beside(client: TestClient, models: list[str]) -> None:
    made = ask(client, "trivial", models=models[:1], picture="d0-0", mask=MASK)["fills"]
    assert {"mean color", "smooth"} <= set(made)
    assert made["smooth"]["psnr"] > made["mean color"]["psnr"]


def test_attention_of_a_patch_is_over_all_patches(client: TestClient, models: list[str]) -> None:
    layers = ask(client, "attention", models=models, picture="d0-0", patch=5)["layers"]
    assert np.shape(layers) == (2, 1, 16)
    assert 0.5 < sum(layers[0][0]) <= 1
    other = ask(client, "attention", models=models, picture="d0-0", patch=6)["layers"]
    assert other != layers
    body = {"models": models, "picture": "d0-0", "patch": 16}
    assert "patches 0 to 15" in client.post("/api/paint/attention", json=body).json()["error"]


def repeat(made: dict[str, Any], place: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the command in a folder; returns the numbers that it wrote."""
    monkeypatch.chdir(place)
    words = shlex.split(made["command"])
    assert words[0] == "maskwright"
    assert main([*words[1:], "--out", str(place / "again.png"), "--device", "cpu"]) == 0
    return json.loads((place / "again.json").read_text())


def test_the_command_repeats_a_painted_mask_by_two_models(
    client: TestClient, models: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Brought by a person, at another size: the command takes the copy that can be downloaded.
    buffer = io.BytesIO()
    Image.fromarray(draw_pictures(1, side=50, seed=9)[0][:, :40]).save(buffer, format="png")
    headers = {"x-name": "my%20cat.png"}
    picture = client.post("/api/pictures", content=buffer.getvalue(), headers=headers).json()["id"]
    made = ask(client, "sheet", models=models, picture=picture, mask=MASK)
    assert made["needs_picture"]
    stem = made["stem"]
    copy = client.get("/api/paint/picture", params={"model": models[0], "picture": picture})
    (tmp_path / f"{stem}-picture.png").write_bytes(copy.content)
    # As the page draws it: white squares on black.
    is_hidden = np.array([bit == "1" for bit in made["mask"]]).reshape(4, 4)
    white = (is_hidden.repeat(4, 0).repeat(4, 1) * 255).astype(np.uint8)
    Image.fromarray(white).save(tmp_path / f"{stem}-mask.png")

    again = repeat(made, tmp_path, monkeypatch)
    for arm, arm_again in zip(made["numbers"]["arms"], again["arms"], strict=True):
        assert arm["per_picture"] == arm_again["per_picture"]
    shown = ask(client, "fill", models=models, picture=picture, mask=MASK)["fills"]
    for fill, arm in zip(shown, again["arms"], strict=True):
        assert fill["scores"]["psnr"] == pytest.approx(arm["psnr"]["value"], abs=1e-4)
        assert fill["scores"]["ssim"] == pytest.approx(arm["ssim"]["value"], abs=1e-5)


def test_the_command_repeats_a_policy_on_a_file_of_the_data(
    client: TestClient, models: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = {"policy": "block(size=2)", "ratio": 0.5, "seed": 3}
    made = ask(client, "sheet", models=models[:1], picture="d0-2", mask=MASK, **policy)
    assert not made["needs_picture"]
    drawn = ask(client, "policy", models=models[:1], picture="d0-2", **policy)
    assert made["mask"] == drawn["mask"]
    again = repeat(made, tmp_path, monkeypatch)
    assert again["psnr"] == made["numbers"]["psnr"]
    sheet = pixels(made["sheet"])
    assert (np.asarray(Image.open(tmp_path / "again.png")) == sheet).all()


def test_of_requests_that_pile_up_the_newest_is_answered(
    client: TestClient, models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = client.app.state.studio
    begun, opened = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        opened.wait(10)

    for number in range(studio.worker.num_threads):
        begun.clear()
        studio.worker.submit(f"hold {number}", hold)
        assert begun.wait(10)
    answers: dict[int, int] = {}

    def paint(number: int) -> None:
        body = {"models": models[:1], "picture": "d0-0", "mask": MASK}
        headers = {"x-studio-page": "mine"}
        answers[number] = client.post("/api/paint/fill", json=body, headers=headers).status_code

    threads = [threading.Thread(target=paint, args=(number,)) for number in range(3)]
    for number, thread in enumerate(threads):
        thread.start()
        limit = time.monotonic() + 10
        while studio.worker.dropped < number and time.monotonic() < limit:
            time.sleep(0.01)
    opened.set()
    for thread in threads:
        thread.join(10)
    assert sorted(answers.values()) == [200, 409, 409]
