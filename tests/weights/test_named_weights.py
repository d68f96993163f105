"""Weights by name: official files are fetched once and checked, timm's models come with a sentence
when they cannot be had.
"""

from __future__ import annotations

import hashlib
import urllib.error
from pathlib import Path

import pytest
import torch

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.support.variables import cache_folder
from maskwright.weights import hub, official_files
from maskwright.weights.fair_mae import to_official
from maskwright.weights.hints import Hints
from maskwright.weights.official_files import OfficialFile, official_file
from maskwright.weights.opening import load_autoencoder, load_encoder

NAME = "mae_visualize_vit_base"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A network of one tiny file, in a cache of its own; `asked` lists what was fetched."""
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))
    config = ModelConfig(
        image_size=(8, 8),
        patch_size=4,
        width=16,
        depth=1,
        heads=2,
        decoder_width=8,
        decoder_depth=1,
        decoder_heads=2,
    )
    torch.save({"model": to_official(MaskedAutoencoder(config))}, tmp_path / "file.pth")
    asked = []

    def fetch(url, target, progress):
        asked.append(url)
        Path(target).write_bytes((tmp_path / "file.pth").read_bytes())

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    return asked


def test_an_official_file_is_fetched_once_and_predicts_raw_pixels_by_its_name(site):
    told = Hints(heads=2, decoder_heads=2)
    loaded = load_autoencoder(f"official:{NAME}", told)
    load_autoencoder(f"official:{NAME}", told)
    assert site == [f"https://dl.fbaipublicfiles.com/mae/visualize/{NAME}.pth"]
    assert loaded.model.config.target == "raw"
    assert "CC-BY-NC" in loaded.facts["license"]


def test_a_file_with_another_sum_than_published_is_refused(site, monkeypatch):
    monkeypatch.setitem(official_files.OFFICIAL_FILES, NAME, OfficialFile("visualize", "abcdef"))
    with pytest.raises(MaskwrightError, match=r"MD5 sum begins .*, not abcdef. Delete it"):
        official_file(NAME)


def test_a_file_that_changes_after_its_first_download_is_refused(site):
    path = official_file(NAME)
    assert (
        path.with_suffix(".md5").read_text().strip() == hashlib.md5(path.read_bytes()).hexdigest()
    )
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MaskwrightError, match="is not the file it should be"):
        official_file(NAME)


def test_offline_the_address_and_the_place_are_named_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))

    def refuse(url, target, progress):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(
        MaskwrightError,
        match=r"https://.*mae_visualize_vit_base.pth \(no network\).* put it at .*cache/official",
    ):
        official_file(NAME)
    assert not list((cache_folder() / "official").iterdir())


def test_timms_weights_that_cannot_be_had_give_the_way_out(monkeypatch):
    pytest.importorskip("timm")
    monkeypatch.setattr(hub, "is_reachable", lambda: False)
    monkeypatch.setattr(hub, "is_cached", lambda repository: False)
    with pytest.raises(
        MaskwrightError,
        match=r"neither in the cache nor to be had .* timm:vit_tiny_patch16_224@random",
    ):
        load_encoder("timm:vit_tiny_patch16_224")


def test_fresh_weights_of_timms_architecture_are_the_same_every_time_and_touch_no_global_chance():
    pytest.importorskip("timm")
    before = torch.get_rng_state()
    one = load_encoder("timm:vit_tiny_patch16_224@random,image_size=32").model
    two = load_encoder("timm:vit_tiny_patch16_224@random,image_size=32").model
    assert torch.equal(torch.get_rng_state(), before)
    assert (one.config.width, one.config.depth, one.config.image_size) == (192, 12, (32, 32))
    assert all(
        torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items()
    )


def test_dinov2_of_timm_has_registers_and_layer_scales():
    pytest.importorskip("timm")
    config = load_encoder("timm:vit_small_patch14_reg4_dinov2@random,image_size=28").model.config
    assert (config.registers, config.patch_size, config.layer_scale) == (4, 14, 1e-5)
