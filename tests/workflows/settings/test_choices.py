"""What a run chooses by itself fits the pictures and the machine, and what the person said is never
changed.
"""

from __future__ import annotations

from typing import Any

import pytest

from maskwright.workflows.settings.choices import Facts, choose, effective_batch
from maskwright.workflows.settings.geometry_choices import choose_patch
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import build_settings

FOUND = Facts(count=5000, short_side=300, channels=3, device="cpu", cores=2)


def complete(found: Facts = FOUND, **given: Any) -> PretrainSettings:
    return choose(build_settings(data="x", **given), found)[0]


def test_everything_open_is_filled() -> None:
    flat = complete().to_flat()
    for name in (
        "image_size",
        "channels",
        "patch_size",
        "model",
        "decoder",
        "predict",
        "crop_scale",
        "batch_size",
        "optimizer",
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
        "decoder": "full",
        "predict": 0.5,
        "crop_scale": 0.9,
        "optimizer": "adamw",
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
    assert complete(Facts(5000, short_side, 3, device, 2)).data.image_size == expected


@pytest.mark.parametrize(
    ("side", "expected"), [(32, 4), (64, 8), (96, 8), (224, 16), (28, 4), (97, 97)]
)
def test_the_patch_divides_the_image(side: int, expected: int) -> None:
    assert choose_patch(side, side) == expected


@pytest.mark.parametrize(("side", "expected"), [(32, 2), (28, 2), (16, 2), (40, 2), (48, 6)])
def test_tiny_pictures_get_small_patches_on_a_cpu_and_a_smaller_part_is_predicted(
    side: int, expected: int
) -> None:
    assert choose_patch(side, side, fine=True) == expected
    settings = complete(Facts(5000, side, 3, "cpu", 2), decoder="cross")
    many = (side // expected) ** 2 >= 256
    assert settings.mask.predict == (0.2 if many else 0.34)


def test_the_learning_rate_follows_the_pictures_of_a_step_and_shows_its_arithmetic() -> None:
    settings, choices = choose(
        build_settings(data="x", batch_size=32, accumulate=8, base_lr=1e-3), FOUND
    )
    assert settings.train.lr == pytest.approx(1e-3 * 256 / 256)
    reason = next(choice.reason for choice in choices if choice.name == "lr")
    assert "1.0e-03 x 256 pictures / 256" in reason


def test_several_masks_of_a_picture_leave_the_learning_rate_alone() -> None:
    """They are no new pictures; else arms of a study that differ in masks would differ in their
    rate without a word.
    """
    one, four = complete(batch_size=32), complete(batch_size=32, masks_per_image=4)
    assert one.train.lr == four.train.lr
    assert effective_batch(four) == 4 * effective_batch(one) == 4 * 32


def test_a_batch_larger_than_the_data_is_made_smaller_and_said() -> None:
    settings, choices = choose(
        build_settings(data="x", batch_size=4096), Facts(300, 96, 3, "cpu", 2)
    )
    assert settings.train.batch_size == 300
    assert any("larger than the data set" in choice.reason for choice in choices)


def test_a_step_counts_no_batches_that_never_come() -> None:
    settings, choices = choose(
        build_settings(data="x", batch_size=64, accumulate=16), Facts(300, 96, 3, "cpu", 2)
    )
    whole = complete(Facts(300, 96, 3, "cpu", 2), batch_size=64, accumulate=4)
    assert (settings.train.accumulate, settings.train.lr) == (4, whole.train.lr)
    assert any("no more batches" in choice.reason for choice in choices)


def test_two_processes_share_the_batch_in_the_learning_rate() -> None:
    for optimizer, factor in (("adamw", 2), ("muon", 2**0.5)):
        one = complete(batch_size=32, optimizer=optimizer)
        two = complete(batch_size=32, optimizer=optimizer, devices=2)
        assert two.train.lr == pytest.approx(factor * (one.train.lr or 0))


def reasons(found: Facts = FOUND, **given: Any) -> dict[str, tuple[object, str]]:
    choices = choose(build_settings(data="x", **given), found)[1]
    return {choice.name: (choice.value, choice.reason) for choice in choices}


def test_a_cpu_gets_what_learns_most_in_minutes_and_says_why() -> None:
    chosen = reasons(Facts(50_000, 32, 3, "cpu", 2), minutes=8)
    names = ("model", "decoder", "predict", "crop_scale", "batch_size", "optimizer", "lr")
    values = [chosen[name][0] for name in names]
    assert values[:6] == ["vit_nano", "cross", 0.2, 0.4, 128, "muon"]
    assert values[6] == pytest.approx(8e-3, rel=0.01)
    assert "learns more than a wide one" in chosen["model"][1]
    assert chosen["lr"][1] == "1.1e-02 x (128 pictures / 256)^0.5 = 8.0e-03"


def test_other_devices_keep_what_was_published() -> None:
    chosen = reasons(Facts(50_000, 224, 3, "cuda", 8), epochs=100)
    names = ("model", "decoder", "predict", "crop_scale", "optimizer")
    values = [chosen[name][0] for name in names]
    assert values == ["vit_small", "full", 1.0, 0.2, "adamw"]


@pytest.mark.parametrize(
    ("length", "model"),
    [
        ({"minutes": 8}, "vit_nano"),
        ({"minutes": 600}, "stl10_192x8"),
        ({"epochs": 20}, "vit_nano"),
        ({"epochs": 400}, "stl10_192x8"),
        ({}, "vit_nano"),
        ({"steps": 1_000_000}, "vit_nano"),
    ],
    ids=str,
)
def test_a_long_budget_is_worth_a_wider_model(length: dict[str, Any], model: str) -> None:
    found = Facts(50_000, 32, 3, "cpu", 2)
    assert complete(found, patch_size=4, **length).model.model == model


def test_larger_pictures_make_the_same_minutes_shorter() -> None:
    small, large = (Facts(50_000, side, 3, "cpu", 2) for side in (32, 96))
    assert complete(small, patch_size=4, minutes=240).model.model == "stl10_192x8"
    assert complete(large, patch_size=4, minutes=240).model.model == "vit_nano"


@pytest.mark.parametrize("given", [{"lr": 1e-3}, {"base_lr": 3e-3}], ids=str)
def test_a_rate_without_an_optimizer_is_adamws(given: dict[str, float]) -> None:
    value, reason = reasons(**given)["optimizer"]
    assert value == "adamw"
    assert "a learning rate was given" in reason


def test_a_full_decoder_predicts_everything_unless_told_otherwise() -> None:
    assert complete(decoder="full").mask.predict == 1.0
    assert complete(decoder="full", predict=0.34).mask.predict == 0.34


def test_steps_are_looked_at_about_ten_times_and_minutes_as_their_time_allows() -> None:
    found = Facts(1_000, 32, 3, "cpu", 2)
    # 2,000 steps of 50 are a hundred epochs.
    steps = complete(found, steps=2_000, batch_size=50)
    assert (steps.run.sample_every, steps.run.knn_every) == (10, 10)
    minutes = complete(found, minutes=5, batch_size=50)
    assert (minutes.run.sample_every, minutes.run.knn_every) == (None, None)


@pytest.mark.parametrize(
    ("count", "epochs", "every"),
    [
        # Each measurement reads as many pictures as an epoch: a tenth of 40 epochs pays for four.
        (378, 40, 10),
        # 2,000 of 20,000 pictures are read, so each epoch pays for one.
        (20_000, 10, 1),
        (20_000, 100, 10),
        # At the first and the last epoch it is measured in any case.
        (378, 3, 3),
    ],
)
def test_knn_of_a_short_training_takes_about_a_tenth_of_it(
    count: int, epochs: int, every: int
) -> None:
    settings = complete(Facts(count, 128, 3, "cpu", 2), epochs=epochs)
    assert settings.run.knn_every == every
