"""Only listed models are opened, and few are in memory."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from starlette.requests import Request

from maskwright.studio.context import Studio
from maskwright.studio.models import ModelShelf
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.filling.arms import Candidate
from maskwright.workflows.settings.studio_settings import StudioSettings


def test_the_least_used_model_makes_room(studio_place: Path) -> None:
    places = [str(studio_place / f"{name}.ckpt") for name in ("first", "second")]
    shelf = ModelShelf([Candidate(place, place) for place in places], most_loaded=1)
    first, second = shelf.entries
    held = shelf.load(first)
    assert shelf.load(first) is held
    shelf.load(second)
    assert shelf.load(first) is not held


def test_a_path_is_no_id(studio_place: Path, studio_settings: StudioSettings) -> None:
    shelf = ModelShelf.of(studio_settings)
    for asked in (str(studio_place / "first.ckpt"), "../first.ckpt", "zoo:dead-leaves-32", ""):
        with pytest.raises(MaskwrightError, match="no such model"):
            shelf.load(asked)


def test_a_model_that_is_not_there_is_found_before_the_page_opens() -> None:
    with pytest.raises(MaskwrightError, match="There is no run or checkpoint"):
        ModelShelf.of(StudioSettings(models=["/no/such/run"]))


def test_without_names_there_is_the_zoo_and_what_lies_below_runs(tmp_path: Path) -> None:
    for name in ("done", "just-begun"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
    (tmp_path / "done" / "checkpoints").mkdir()
    (tmp_path / "done" / "checkpoints" / "last.ckpt").touch()
    shelf = ModelShelf.of(StudioSettings(runs=str(tmp_path)))
    places = [entry.candidate.place for entry in shelf.entries.values()]
    assert "zoo:dead-leaves-32" in places
    # Without a checkpoint there is nothing to fill in with yet.
    of_runs = [place for place in places if not place.startswith("zoo:")]
    assert of_runs == [str(tmp_path / "done")]


def test_the_first_model_is_warm_before_anything_else_is_computed(
    studio_settings: StudioSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def warm(*_: object) -> None:
        # Long enough for the other thread to come first if nothing held it.
        time.sleep(0.1)
        order.append("warm")

    monkeypatch.setattr("maskwright.studio.context.warm_up", warm)
    studio = Studio(studio_settings)
    studio.warm_up()
    request = Request({"type": "http", "headers": []})
    asyncio.run(studio.compute(request, "x", lambda: order.append("asked")))
    studio.close()
    assert order == ["warm", "asked"]
