"""A tiny labeled data set and a plan that trains on it in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from maskwright.studies.storage import Heartbeat
from tests.conftest import draw_pictures
from tests.workflows.conftest import SMALL

# Trackers and the checkup at the end are options of the command and no settings of a plan.
BASE: dict[str, Any] = {
    name: value for name, value in SMALL.items() if name not in ("track", "checkup")
}
QUICK = Heartbeat(interval=1, grace=3)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures in train and test folders of two classes: bright and dark."""
    root = tmp_path_factory.mktemp("studies") / "pictures"
    for index, picture in enumerate(draw_pictures(60)):
        bright = index % 2 == 0
        place = root / ("train" if index < 40 else "test") / ("bright" if bright else "dark")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture // 4 + (180 if bright else 0)).save(place / f"{index:03d}.png")
    return root


@pytest.fixture
def plan_values(pictures: Path) -> dict[str, Any]:
    """The plain values of a plan of two policies, one seed and two steps."""
    return {
        "name": "tiny",
        "question": "Is block better than random?",
        "data": str(pictures),
        "base": BASE,
        "arms": {"random": {}, "block": {"policy": "block(size=2)"}},
        "seeds": 1,
        "budget": {"steps": 2},
        "evaluate": {"probes": ["knn"], "masks": ["random 0.75"], "pictures": 8, "cross": False},
    }
