"""A metric is one entry: name, unit and direction follow from it, and so does a plan's choice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maskwright.studies.measures import MeasureSettings
from maskwright.studies.metrics import FILL_METRICS, PROBE_METRICS, PSNR, SSIM


def test_names_are_those_of_published_studies() -> None:
    of_classes = [metric for metric in PROBE_METRICS if metric.task == "classes"]
    assert [metric.name("linear") for metric in of_classes] == ["linear top1", "linear top5"]
    assert PSNR.name("random 0.75") == "psnr random 0.75"
    assert PSNR.crossed_name("block(size=2)") == "psnr of masks by block(size=2)"


def test_the_masks_of_a_name_are_read_back() -> None:
    assert PSNR.masks_of(PSNR.name("random 0.75")) == "random 0.75"
    assert PSNR.masks_of(PSNR.crossed_name("grid")) == "masks of grid"
    assert PSNR.masks_of(SSIM.name("random 0.75")) is None
    assert PSNR.masks_of("psnrx random 0.75") is None


def test_a_new_metric_of_filled_pictures_costs_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    worst = replace(PSNR, key="worst", read=lambda result: result.psnr.min())
    monkeypatch.setitem(FILL_METRICS, "worst", worst)
    measures = MeasureSettings.parse({"probes": [], "filled": ["worst"], "masks": ["grid 0.5"]})
    (metric,) = measures.metrics()
    assert (metric.title, metric.direction) == ("worst grid 0.5 (dB)", "larger is better")
    assert metric.main
