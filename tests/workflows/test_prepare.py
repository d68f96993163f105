"""Preparing pictures: a store with maps that every workflow takes, that says what it did and
survives being killed.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maskwright.data.maps.patch_maps import open_map
from maskwright.data.store.open_packed import open_packed
from maskwright.patches import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json
from maskwright.workflows.loading.pictures import eval_batch
from maskwright.workflows.masks import masks
from maskwright.workflows.prepare import prepare
from tests.warm_start import warm_command


class Listener:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    warn = say

    def progress(self, label: str, done: float, total: float, detail: str) -> None: ...

    def finish(self) -> None: ...

    def heard(self, words: str) -> bool:
        return any(words in line for line in self.lines)


@pytest.fixture
def cutouts(tmp_path: Path) -> Path:
    """Twelve wide RGBA pictures, an opaque disk on nothing, in two class folders, and a
    broken one.
    """
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:40, :70]
    for at in range(12):
        inside = (rows - 20) ** 2 + (cols - rng.integers(15, 55)) ** 2 < 12**2
        pixels = np.full((40, 70, 4), (*rng.integers(0, 200, 3), 255), dtype=np.uint8)
        pixels[:, :, 3] = np.where(inside, 255, 0)
        place = tmp_path / "art" / ("one", "two")[at % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{at:02d}.png")
    (tmp_path / "art/one/broken.png").write_bytes(b"no picture")
    return tmp_path / "art"


def test_a_store_with_a_map_is_written_and_told_about(cutouts: Path, tmp_path: Path) -> None:
    said = Listener()
    done = prepare(cutouts, tmp_path / "store", size=32, priors="foreground", reporter=said)
    assert len(done.store) == 12
    assert done.store.classes == ("one", "two")
    assert said.heard("foreground: from alpha, because 12 of 12")
    assert said.heard("foreground: covers 15.")
    assert said.heard("1 unreadable pictures skipped, all listed in prepare.json: one/broken.png")
    assert said.heard("Next: maskwright masks")
    facts = read_json(tmp_path / "store/prepare.json")
    assert [key for key, _ in facts["skipped"]] == ["one/broken.png"]
    assert facts["maps"]["foreground"]["without"] == 0
    assert (tmp_path / "store/sheets/foreground.png").exists()


def test_the_map_lies_on_the_disk_after_any_cut(cutouts: Path, tmp_path: Path) -> None:
    for crop in ("none", "center", "smart"):
        store = prepare(
            cutouts,
            tmp_path / crop,
            size=32,
            crop=crop,
            heads="none",
            priors="foreground",
            reporter=Listener(),
        ).store
        batch = eval_batch(store, (32, 32), 12, ("foreground",), Grid(8, 8))
        dark = torch.nn.functional.avg_pool2d(
            (batch.images.float().amin(1) < 230).float()[:, None], 4
        ).flatten(1)
        assert (batch.priors["foreground"] - dark).abs().max() < 0.35
        assert (batch.priors["foreground"] - dark).abs().mean() < 0.02


def test_smart_windows_keep_what_stands_out_and_are_shown(cutouts: Path, tmp_path: Path) -> None:
    said = Listener()
    kept = {}
    for crop in ("center", "smart"):
        store = prepare(
            cutouts,
            tmp_path / crop,
            size=40,
            crop=crop,
            heads="none",
            priors="foreground",
            reporter=said,
        ).store
        kept[crop] = open_map(store, "foreground").coverage["mean_share"]
    assert kept["smart"] > kept["center"] * 1.05
    assert (tmp_path / "smart/sheets/windows.png").exists()
    assert len(read_json(tmp_path / "smart/windows.json")) == 13
    assert said.heard("where most stands out")


def test_other_workflows_take_the_store(cutouts: Path, tmp_path: Path) -> None:
    prepare(cutouts, tmp_path / "store", size=32, crop="center", reporter=Listener())
    report = masks(
        str(tmp_path / "store"),
        image_size=32,
        patch_size=8,
        draws=50,
        out=tmp_path / "m.png",
        reporter=Listener(),
    )
    assert report.path.exists()


def test_a_store_gets_more_maps_where_it_is(cutouts: Path, tmp_path: Path) -> None:
    prepare(cutouts, tmp_path / "store", size=32, reporter=Listener())
    table = tmp_path / "boxes.csv"
    table.write_text("file,x_min,y_min,x_max,y_max\n00.png,0,0,10,10\n")
    prepare(tmp_path / "store", priors=f"parts(from='{table}')", reporter=Listener())
    assert open_map(open_packed(tmp_path / "store"), "parts").parts == ("object",)
    assert list(read_json(tmp_path / "store/prepare.json")["maps"]) == ["parts"]


def test_small_pictures_are_counted_and_never_enlarged(cutouts: Path, tmp_path: Path) -> None:
    said = Listener()
    store = prepare(cutouts, tmp_path / "store", size=64, reporter=said).store
    assert store.heights.unique().tolist() == [40]
    assert said.heard(
        "12 pictures are smaller than 64 pixels and were kept at their own size, not enlarged"
    )


def test_a_repeated_call_changes_nothing_and_another_one_asks_first(
    cutouts: Path, tmp_path: Path
) -> None:
    prepare(cutouts, tmp_path / "store", size=32, priors="foreground", reporter=Listener())
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*.bin")}
    prepare(cutouts, tmp_path / "store", size=32, priors="foreground", reporter=Listener())
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*.bin")} == before
    with pytest.raises(
        MaskwrightError,
        match=r"is a store of other pictures, or of these cut otherwise \(32 pixels, 3 channels\)",
    ):
        prepare(cutouts, tmp_path / "store", size=24, reporter=Listener())
    assert (
        prepare(
            cutouts, tmp_path / "store", size=24, overwrite=True, reporter=Listener()
        ).store.short_side
        == 24
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": None}, "Say where the store goes"),
        ({"crop": "smrat"}, "Did you mean 'smart'"),
        ({"heads": "anime", "crop": "smart"}, "--heads is one of auto, animeface, cascade, none"),
        ({"priors": "foreground(from='nowhere/')"}, "neither a source of foreground"),
        ({"priors": "attention"}, "No source of attention fits"),
    ],
)
def test_mistakes_get_a_sentence(
    cutouts: Path, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(MaskwrightError, match=message):
        prepare(
            cutouts, **{"out": tmp_path / "store", "size": 32, "reporter": Listener(), **options}
        )  # type: ignore[arg-type]


def test_a_folder_with_something_else_is_left_alone(cutouts: Path) -> None:
    with pytest.raises(MaskwrightError, match="holds something else than a store"):
        prepare(cutouts, cutouts, size=32, reporter=Listener())


@pytest.mark.slow
def test_a_killed_program_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "many").mkdir()
    for at in range(200):
        Image.fromarray(rng.integers(0, 256, (100, 150, 4), dtype=np.uint8)).save(
            tmp_path / f"many/{at:03d}.png"
        )
    words = ["prepare", "many", "--out", "store", "--size", "64", "--crop", "smart"]
    words += ["--heads", "none", "--priors", "foreground"]
    stages = (
        ".store.windows/journal.jsonl",
        ".store.part/journal.jsonl",
        "store/priors/.foreground.part/journal.jsonl",
    )
    for stage in stages:
        running, deadline = warm_command(tmp_path, *words), time.monotonic() + 60
        while (
            not ((tmp_path / stage).exists() and (tmp_path / stage).stat().st_size)
            and running.is_alive
        ):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL, running.said()
    for out in ("store", "whole"):
        prepare(
            tmp_path / "many",
            tmp_path / out,
            size=64,
            crop="smart",
            heads="none",
            priors="foreground",
            reporter=Listener(),
        )
    for name in ("pixels.bin", "priors/foreground.bin", "windows.json"):
        assert (tmp_path / "store" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list(tmp_path.glob(".store.part")) + list(tmp_path.glob(".store.windows"))


def test_attention_asks_the_network_that_was_named_and_is_made_again_for_other_weights(
    cutouts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Corner:
        """Looks at the upper left."""

        def __init__(self, source: str, device: torch.device) -> None:
            asked.append((source, str(device)))
            self.encoder = torch.nn.Linear(1, 1, bias=False)
            torch.nn.init.constant_(self.encoder.weight, float(len(asked) > 2))

        def attention(self, images: torch.Tensor) -> torch.Tensor:
            looked.append(len(images))
            return torch.eye(4).repeat(len(images), 1, 1) * torch.tensor([1.0, 0, 0, 0])[:, None]

    asked: list[tuple[str, str]] = []
    looked: list[int] = []
    monkeypatch.setattr("maskwright.workflows.preparing.maps.open_teacher", Corner)
    prepare(cutouts, tmp_path / "store", size=32, crop="center", reporter=Listener())
    for _ in range(3):
        done = prepare(
            tmp_path / "store",
            priors="attention(from='runs/teacher')",
            device="cpu",
            reporter=Listener(),
        )
    assert asked == [("runs/teacher", "cpu")] * 3
    assert looked == [12, 12]  # made, found there, made again for the other weights
    values = done.maps[0].picture(0, 32, 32)
    assert values[0, 0] == 255
    assert values[20:, 20:].sum() == 0
