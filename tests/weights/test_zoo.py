"""The zoo: whole files with cards, found by name, and refused in a sentence otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.tiny_zoo import open_tiny_zoo

from maskwright.support.errors import MaskwrightError
from maskwright.weights import zoo
from maskwright.weights.checkpoint import load_model
from maskwright.weights.opening import is_name, load_autoencoder, load_encoder
from maskwright.weights.zoo import nearest_start, read_card, zoo_file, zoo_names

# What a card has to say, so that nobody has to guess.
FACTS = (
    *("kind", "summary", "license", "terms", "data", "image_size", "patch_size", "channels"),
    *("command", "minutes", "storage", "device", "versions", "results", "sha256"),
)
MOST_BYTES = 25_000_000


@pytest.mark.parametrize("name", zoo_names())
def test_a_packaged_model_is_whole_and_its_card_says_everything(name: str) -> None:
    card = read_card(name)
    assert [fact for fact in FACTS if fact not in card.facts] == []
    assert "Not good for:" in card.text
    assert zoo_file(name).stat().st_size < MOST_BYTES
    if card.is_encoder:
        config = load_model(card.weights).model.config
        assert (config.image_size[0], config.patch_size) == (
            card.image_size,
            card.facts["patch_size"],
        )


def test_the_packaged_zoo_is_small() -> None:
    assert sum(path.stat().st_size for path in zoo.FOLDER.glob("*")) < MOST_BYTES


def test_a_model_is_loaded_by_name_with_whole_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_tiny_zoo(tmp_path / "zoo", monkeypatch)
    assert zoo_names() == ["masker-16", "tiny-16"]
    assert is_name("zoo:tiny-16")
    images = torch.rand(2, 3, 16, 16)
    for loaded in (load_encoder("zoo:tiny-16"), load_autoencoder("zoo:tiny-16")):
        assert {value.dtype for value in loaded.model.state_dict().values()} == {torch.float32}
        torch.testing.assert_close(
            loaded.model.encode(images), model.encode(images), rtol=1e-2, atol=1e-2
        )
    assert load_encoder("zoo:tiny-16@channels=1").model.config.channels == 1


def test_an_unknown_name_gets_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_tiny_zoo(tmp_path / "zoo", monkeypatch)
    with pytest.raises(MaskwrightError, match="Did you mean 'tiny-16'"):
        zoo_file("zoo:tinny-16")


@pytest.mark.parametrize("keep", [0, 0.5, 1])
def test_a_damaged_or_missing_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: float
) -> None:
    open_tiny_zoo(tmp_path / "zoo", monkeypatch)
    path = tmp_path / "zoo" / "tiny-16.safetensors"
    content = path.read_bytes()
    # Cut off, or of the right length with one bit changed.
    path.write_bytes(content[: int(keep * len(content)) - 1] + b"\x01")
    with pytest.raises(MaskwrightError, match=r"zoo:tiny-16 are damaged.*Install maskwright again"):
        load_encoder("zoo:tiny-16")
    path.unlink()
    with pytest.raises(MaskwrightError, match=r"are missing .*install maskwright again"):
        load_encoder("zoo:tiny-16")


def test_the_nearest_start_is_nearest_by_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_tiny_zoo(tmp_path / "zoo", monkeypatch)
    # A masker is no start.
    assert nearest_start(16) == nearest_start(500) == "zoo:tiny-16"
    card = (tmp_path / "zoo" / "tiny-16.md").read_text()
    large = card.replace("image_size: 16", "image_size: 96")
    (tmp_path / "zoo" / "large-96.md").write_text(large)
    assert [nearest_start(side) for side in (16, 38, 41, 300)] == [
        "zoo:tiny-16",
        "zoo:tiny-16",
        "zoo:large-96",
        "zoo:large-96",
    ]
