"""A comparison measures what the data allows: without labels it fills in held-out pictures, and
says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from maskwright.studies.comparison import label_free_settings
from maskwright.support.reporting import LogReporter
from tests.conftest import draw_pictures


@pytest.fixture
def unlabeled(tmp_path: Path) -> str:
    """24 pictures in a flat folder."""
    for index, picture in enumerate(draw_pictures(24)):
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
    return str(tmp_path)


def added(data: str, **given: Any) -> dict[str, Any]:
    return label_free_settings(data, given, LogReporter())


def test_pictures_without_labels_are_compared_by_filling_in(
    unlabeled: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert added(unlabeled) == {"evaluate": {"probes": []}, "val": "4"}
    assert "has no labels, so no probes are measured" in caplog.text
    few = added(unlabeled, evaluate={"pictures": 2, "masks": "random 0.5"})
    assert few == {"evaluate": {"pictures": 2, "masks": "random 0.5", "probes": []}, "val": "2"}
    assert "val" not in added(unlabeled, val="0.5")


def test_labels_and_what_was_asked_for_are_left_alone(pictures: Path, unlabeled: str) -> None:
    assert added(str(pictures)) == {}
    for asked in ({"probes": "knn"}, {"data": "labeled"}, {"main": "knn top1"}, {"masks": []}):
        assert added(unlabeled, evaluate=asked) == {}
    assert added(unlabeled, labels="labels.csv") == {}
