"""What a run chooses by itself fits the pictures and the machine, and what the person said is never changed."""

from __future__ import annotations

from typing import Any

import pytest

from maskwright.workflows.choices import Found, choose, choose_patch
from maskwright.workflows.recipes import build_settings
from maskwright.workflows.settings import PretrainSettings

FOUND = Found(count=5000, short_side=300, channels=3, device="cpu", cores=2)


def complete(found: Found = FOUND, **given: Any) -> PretrainSettings:
    return choose(build_settings(data="x", **given), found)[0]


def test_everything_open_is_filled() -> None:
    flat = complete().to_flat()
    for name in (
        "image_size",
        "channels",
        "patch_size",
        "model",
        "batch_size",
        "lr",
        "epochs",
        "sample_every",
        "knn_every",
    ):
        assert flat[name] is not None


def test_what_was_said_stays() -> None:
    said = {
        "image_size": 64,
        "patch_size": 16,
        "model": "vit_nano",
        "batch_size": 7,
        "lr": 0.5,
        "steps": 3,
        "channels": 1,
    }
    settings, choices = choose(build_settings(data="x", **said), FOUND)
    flat = settings.to_flat()
    assert {name: flat[name] for name in said} == said
    assert not {choice.name for choice in choices} & set(said)


@pytest.mark.parametrize(
    ("short_side", "device", "expected"),
    [(300, "cpu", 96), (300, "cuda", 224), (32, "cpu", 32), (28, "cpu", 28), (70, "cpu", 64)],
)
def test_pictures_are_never_enlarged(short_side: int, device: str, expected: int) -> None:
    assert complete(Found(5000, short_side, 3, device, 2)).data.image_size == expected


@pytest.mark.parametrize(
    ("side", "expected"), [(32, 4), (64, 8), (96, 8), (224, 16), (28, 4), (97, 97)]
)
def test_the_patch_divides_the_image(side: int, expected: int) -> None:
    assert choose_patch(side, side) == expected


def test_the_learning_rate_follows_the_effective_batch_and_shows_its_arithmetic() -> None:
    settings, choices = choose(
        build_settings(data="x", batch_size=32, accumulate=4, base_lr=1e-3, masks_per_image=2),
        FOUND,
    )
    assert settings.train.lr == pytest.approx(1e-3 * 256 / 256)
    assert "1.0e-03 x 256 / 256" in next(choice.reason for choice in choices if choice.name == "lr")


def test_a_batch_larger_than_the_data_is_made_smaller_and_said() -> None:
    settings, choices = choose(
        build_settings(data="x", batch_size=4096), Found(300, 96, 3, "cpu", 2)
    )
    assert settings.train.batch_size == 300
    assert any("larger than the data set" in choice.reason for choice in choices)


def test_a_step_counts_no_batches_that_never_come() -> None:
    settings, choices = choose(
        build_settings(data="x", batch_size=64, accumulate=16), Found(300, 96, 3, "cpu", 2)
    )
    whole = complete(Found(300, 96, 3, "cpu", 2), batch_size=64, accumulate=4)
    assert (settings.train.accumulate, settings.train.lr) == (4, whole.train.lr)
    assert any("no more batches" in choice.reason for choice in choices)


def test_two_processes_share_the_batch_in_the_learning_rate() -> None:
    one, two = complete(batch_size=32), complete(batch_size=32, devices=2)
    assert two.train.lr == pytest.approx(2 * (one.train.lr or 0))
