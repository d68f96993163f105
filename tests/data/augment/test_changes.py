"""Turning and recoloring: nothing when off, chance by sample alone, and maps that turn with their
pictures.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tests.data.map_stores import build_store

from maskwright.data.augment.changes import Changes, DrawnChanges
from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import Batch, LoaderSettings, build_loader
from maskwright.data.store.packed import PackedStore
from maskwright.patches import Grid
from maskwright.support.errors import MaskwrightError

ALL = Changes(rotate=40, vertical_flip=True, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)


def _batch(store: PackedStore, changes: Changes, epoch: int = 0, batch_size: int = 9) -> Batch:
    loader = build_loader(
        store,
        Augment(size=(32, 32), changes=changes),
        LoaderSettings(
            batch_size=batch_size,
            seed=0,
            shuffle=False,
            maps=("share",),
            grid=Grid(4, 4),
        ),
    )
    loader.set_epoch(epoch)
    return next(iter(loader))


def _drawn(
    turn: float = 0.0,
    upside_down: bool = False,
    colors: tuple[float, float, float, float] = (0, 0, 0, 0),
) -> DrawnChanges:
    return DrawnChanges(torch.tensor([turn]), torch.tensor([upside_down]), torch.tensor([colors]))


@pytest.mark.parametrize("sizes", [[(48, 64)] * 9, [(48, 64), (50, 50), (64, 48)] * 3])
def test_maps_turn_with_their_pictures(tmp_path: Path, sizes: list[tuple[int, int]]) -> None:
    store = build_store(tmp_path, sizes, smooth=True)
    plain = _batch(store, Changes())
    for changes in (
        Changes(rotate=60),
        Changes(vertical_flip=True),
        Changes(rotate=180, vertical_flip=True),
    ):
        batch = _batch(store, changes)
        painted = F.avg_pool2d(batch.images[:, :1].double() / 255, 8).flatten(1)
        assert (batch.priors["share"] - painted).abs().max() < 0.03
        assert (batch.priors["share"] - plain.priors["share"]).abs().max() > 0.2
        assert torch.equal(batch.views, plain.views)


def test_recoloring_leaves_maps_alone_and_off_leaves_pixels_alone(tmp_path: Path) -> None:
    store = build_store(tmp_path, [(48, 64)] * 9)
    plain, recolored = _batch(store, Changes()), _batch(store, Changes(brightness=0.4))
    assert torch.equal(plain.priors["share"], recolored.priors["share"])
    assert not torch.equal(plain.images, recolored.images)
    untouched = next(
        iter(
            build_loader(
                store, Augment(size=(32, 32)), LoaderSettings(batch_size=9, seed=0, shuffle=False)
            )
        )
    )
    assert torch.equal(plain.images, untouched.images)


def test_a_sample_changes_the_same_in_any_batch_and_otherwise_in_the_next_epoch(
    tmp_path: Path,
) -> None:
    store = build_store(tmp_path, [(48, 64)] * 9)
    whole, part = _batch(store, ALL), _batch(store, ALL, batch_size=3)
    assert torch.equal(whole.images[:3], part.images)
    assert not torch.equal(whole.images, _batch(store, ALL, epoch=1).images)


def test_a_quarter_turn_is_exact() -> None:
    image = torch.arange(48, dtype=torch.uint8).view(1, 3, 4, 4)
    turned = Changes(rotate=90).apply(image, _drawn(turn=torch.pi / 2))
    assert torch.equal(turned, torch.rot90(image, 1, (2, 3))) or torch.equal(
        turned, torch.rot90(image, -1, (2, 3))
    )
    assert not torch.equal(turned, image)


def test_a_turn_of_a_wide_picture_keeps_shapes() -> None:
    """A square stays a square in a crop that is not one; further out lie mirror images."""
    image = torch.zeros(1, 1, 32, 64)
    image[:, :, 12:20, 28:36] = 1
    turned = Changes(rotate=90).move(image, _drawn(turn=torch.pi / 2))
    assert torch.allclose(turned[..., 20:44], image[..., 20:44], atol=1e-4)


def test_half_are_upside_down_and_turns_fill_their_range() -> None:
    drawn = ALL.draw(seed=0, epoch=0, sample_ids=torch.arange(2000))
    assert drawn.upside_down.float().mean() == pytest.approx(0.5, abs=0.05)
    assert torch.rad2deg(drawn.turn).abs().max() == pytest.approx(40, abs=1)
    assert drawn.turn.mean() == pytest.approx(0, abs=0.03)
    assert drawn.colors.abs().amax(0).tolist() == pytest.approx([0.4, 0.4, 0.4, 0.1], abs=0.01)


def test_each_color_change_does_what_it_is_called() -> None:
    image = torch.randint(60, 120, (1, 3, 8, 8), generator=torch.Generator().manual_seed(0)).float()
    bright = ALL.recolor(image, _drawn(colors=(0.5, 0, 0, 0)))
    assert torch.allclose(bright, image * 1.5, atol=0.1)
    flat = ALL.recolor(image, _drawn(colors=(0, -1, 0, 0)))
    assert flat.std() < 0.01
    gray = ALL.recolor(image, _drawn(colors=(0, 0, -1, 0)))
    assert torch.allclose(gray[:, 0], gray[:, 2], atol=0.01)
    circle = ALL.recolor(image, _drawn(colors=(0, 0, 0, 1.0)))
    assert torch.allclose(circle, image, atol=0.1)


@pytest.mark.parametrize("options", [{"rotate": 200}, {"brightness": 2}, {"hue": 0.7}])
def test_strengths_outside_their_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(MaskwrightError, match="lies between"):
        Changes(**options)  # type: ignore[arg-type]
