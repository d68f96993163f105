"""What a training waits for its pictures, and that a forecast counts it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from maskwright.data.loader import AugmentedPictures, Batch
from maskwright.studies import announcing
from maskwright.studies.design import design_study, join_plan
from maskwright.studies.forecast import Rate, forecast
from maskwright.studies.loading_time import LoadingTime, time_loading
from maskwright.studies.plan import build_plan
from maskwright.studies.record import Compute
from maskwright.studies.study import study
from maskwright.support.reporting import LogReporter
from maskwright.workflows.settings.recipes import build_settings
from tests.studies.conftest import QUICK

TINY = build_settings(
    data="x", model="vit_nano", image_size=16, patch_size=4, channels=3, decoder="full"
)


class Lines(LogReporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(visible=False)
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def test_pictures_made_in_between_steps_add_to_them() -> None:
    assert LoadingTime(0.01, is_beside=False).join(1000, computing=20.0) == 30.0


def test_pictures_made_beside_steps_cost_time_only_where_they_are_slower() -> None:
    loading = LoadingTime(0.01, is_beside=True)
    assert loading.join(1000, computing=20.0) == 20.0
    assert loading.join(1000, computing=5.0) == 10.0


def test_a_forecast_counts_a_picture_once_for_all_of_its_masks() -> None:
    cost = Compute(steps=1, images=4000, encoder_tokens=1, decoder_tokens=1, flops=1e12)
    twice = TINY.with_values(masks_per_image=2)
    found = forecast(
        {"a": cost},
        {"a": twice},
        [("a", 0)],
        Rate(1e9, "by hand"),
        loading={"a": LoadingTime(0.25, is_beside=False)},
    )
    # 1,000 s of steps and 2,000 pictures of a quarter of a second.
    assert found.hours == pytest.approx(1500 / 3600)
    assert found.loading == pytest.approx(1 / 3)
    words = found.format(Rate(1e9, "by hand"))
    assert "33% of the time goes into cutting and changing pictures" in words


def test_loading_is_timed_on_the_batches_of_the_training(
    plan_values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = join_plan(build_plan(plan_values, "tiny"), tmp_path)
    design = design_study(plan, Lines())
    settings, pictures = design.settings["random"], design.pictures["random"]
    made: list[int] = []
    make = AugmentedPictures.make

    def slow(self: AugmentedPictures, plan: Any) -> Batch:
        batch = make(self, plan)
        made.append(len(batch.images))
        time.sleep(0.002 * len(batch.images))
        return batch

    monkeypatch.setattr(AugmentedPictures, "make", slow)
    alone = time_loading(settings, pictures)
    assert set(made) == {settings.train.batch_size}
    assert not alone.is_beside
    assert alone.per_picture >= 0.002

    shared = time_loading(settings.with_values(workers=4), pictures)
    assert shared.is_beside
    # Four processes share the work; no upper bound, since other work slows this machine.
    assert shared.per_picture >= 0.002 / 4


def test_a_dry_run_times_the_pictures_and_finished_trials_stand_for_themselves(
    plan_values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[str] = []

    def time_one(settings: Any, pictures: Any) -> LoadingTime:
        timed.append(settings.mask.policy)
        return LoadingTime(1e6, is_beside=False)

    monkeypatch.setattr(announcing, "time_loading", time_one)
    folder = tmp_path / "study"
    assert "100% of the time goes into cutting" in _dry_run(plan_values, folder)
    assert timed == ["block(size=2)"], "arms of the same data are timed once"

    study(_write(plan_values, tmp_path), out=folder, heartbeat=QUICK, reporter=Lines())
    assert "cutting" not in _dry_run({**plan_values, "seeds": 2}, folder)
    assert len(timed) == 1


def _write(values: dict[str, Any], place: Path) -> Path:
    path = place / "tiny.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def _dry_run(values: dict[str, Any], folder: Path) -> str:
    """The last line of a dry run."""
    lines = Lines()
    study(_write(values, folder.parent), out=folder, dry_run=True, reporter=lines)
    return lines.said[-1]
