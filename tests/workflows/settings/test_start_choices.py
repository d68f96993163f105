"""What follows from weights to start from, unless the person said otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from maskwright.models.config import ModelConfig
from maskwright.workflows.building.model_shape import model_config
from maskwright.workflows.settings.choice import Facts, StartFacts
from maskwright.workflows.settings.choices import choose
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import build_settings

OFFICIAL = ModelConfig(
    image_size=(224, 224),
    patch_size=16,
    width=768,
    depth=12,
    heads=12,
    decoder_width=512,
    decoder_depth=8,
    decoder_heads=16,
)
ODD = ModelConfig(
    image_size=(32, 32), patch_size=4, width=48, depth=5, heads=3, positions="learned", registers=2
)


def chosen(
    config: ModelConfig | None, *, side: int = 96, has_decoder: bool = True, **given: Any
) -> tuple[PretrainSettings, dict[str, str]]:
    """The complete settings, and the reasons of what was chosen."""
    start = None if config is None else StartFacts("weights.pth", config, has_decoder)
    facts = Facts(750, side, 3, "cpu", 2, start=start)
    settings, choices = choose(build_settings(data="photos", **given), facts)
    return settings, {choice.name: choice.reason for choice in choices}


def test_the_model_is_the_one_of_the_weights() -> None:
    settings, reasons = chosen(OFFICIAL)
    assert settings.model.model == "vit_base"
    assert reasons["model"] == "as in the weights of --init"
    config = model_config(settings)
    shape = ("width", "depth", "heads", "decoder", "decoder_width", "decoder_depth", "patch_size")
    assert all(getattr(config, name) == getattr(OFFICIAL, name) for name in shape)


def test_a_shape_without_a_name_is_written_in_numbers() -> None:
    config = model_config(chosen(ODD, side=32)[0])
    for name in ("width", "depth", "heads", "positions", "registers", "patch_size"):
        assert getattr(config, name) == getattr(ODD, name)


@pytest.mark.parametrize(
    ("side", "patch"),
    [
        (
            224,
            16,
        ),  # a CPU takes 96 pixels: patches of 16 give a grid of 6x6, still the weights' own
        (32, 4),  # patches of 16 would leave a grid of 2x2
    ],
)
def test_the_patch_size_is_kept_unless_the_grid_becomes_too_coarse(side: int, patch: int) -> None:
    settings, _ = chosen(OFFICIAL, side=side)
    assert settings.model.patch_size == patch
    fine, _ = chosen(ODD, side=96)
    # Patches of 4 would give 24x24 of them.
    assert fine.model.patch_size == 8


def test_what_the_person_says_wins() -> None:
    settings, _ = chosen(
        OFFICIAL,
        model="vit_tiny",
        patch_size=12,
        decoder="cross",
        positions="rotary",
        layer_decay=0.5,
        decoder_first=0.3,
        lr=0.01,
    )
    assert (settings.model.model, settings.model.patch_size) == ("vit_tiny", 12)
    assert (settings.model.decoder, settings.model.positions) == ("cross", "rotary")
    assert settings.model.decoder_width is None
    assert (settings.train.layer_decay, settings.train.decoder_first) == (0.5, 0.3)
    assert settings.train.lr == 0.01


def test_a_training_that_continues_is_gentler() -> None:
    scratch, _ = chosen(None)
    start, reasons = chosen(OFFICIAL)
    assert start.train.lr == pytest.approx(scratch.train.lr / 2, rel=1e-4)
    assert (scratch.train.layer_decay, start.train.layer_decay) == (1.0, 0.85)
    assert "0.5 x" in reasons["lr"]
    # A base rate means what it says.
    assert chosen(OFFICIAL, base_lr=1e-3)[0].train.lr == chosen(None, base_lr=1e-3)[0].train.lr


def test_only_a_new_decoder_learns_first() -> None:
    assert chosen(None)[0].train.decoder_first == 0.0
    assert chosen(OFFICIAL)[0].train.decoder_first == 0.0
    for settings, _ in (chosen(OFFICIAL, has_decoder=False), chosen(OFFICIAL, decoder_depth=2)):
        assert settings.train.decoder_first == 0.1


def test_without_a_start_the_tokens_are_the_usual_ones() -> None:
    model = chosen(None)[0].model
    assert (model.positions, model.class_token, model.registers) == ("sincos", True, 0)
