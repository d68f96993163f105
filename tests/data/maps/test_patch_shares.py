"""Maps move with the pixels: the share of a patch is the mean of the map over exactly the pixels
that the patch shows.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tests.data.map_stores import PARTS, build_store

from maskwright.data.augment.transforms import Augment, CropBoxes
from maskwright.data.loader import Batch, LoaderSettings, build_loader
from maskwright.data.maps.patch_shares import overlap
from maskwright.data.store.packed import PackedStore
from maskwright.patches import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.loading.pictures import eval_batch

MAPS = ("share", "parts")
UNIFORM, MIXED = [(48, 64)] * 9, [(48, 64), (50, 50), (64, 48)] * 3


def _batch(
    store: PackedStore,
    augment: Augment,
    grid: tuple[int, int],
    maps: tuple[str, ...] = MAPS,
    epoch: int = 0,
) -> Batch:
    loader = build_loader(
        store, augment, LoaderSettings(batch_size=9, seed=0, maps=maps, grid=Grid(*grid))
    )
    loader.set_epoch(epoch)
    return next(iter(loader))


def _boxes(store: PackedStore, augment: Augment, batch: Batch, epoch: int = 0) -> CropBoxes:
    ids = batch.sample_ids
    return augment.draw(store.heights[ids], store.widths[ids], seed=0, epoch=epoch, sample_ids=ids)


@pytest.mark.parametrize("sizes", [UNIFORM, MIXED])
@pytest.mark.parametrize("grid", [(4, 4), (3, 5), (1, 1), (40, 40)])
def test_a_share_is_the_mean_over_the_patch(
    tmp_path: Path, sizes: list[tuple[int, int]], grid: tuple[int, int]
) -> None:
    store, augment = build_store(tmp_path, sizes), Augment(size=(40, 40))
    batch = _batch(store, augment, grid)
    for place, box in enumerate(_boxes(store, augment, batch).to_list()):
        share, parts = store.image(int(batch.sample_ids[place])).long()[:2]
        fine = {"share": share / 255} | {
            f"parts/{name}": (parts == 80 * (at + 1)).float() for at, name in enumerate(PARTS)
        }
        for name, pixels in fine.items():
            part = pixels[box.top : box.top + box.height, box.left : box.left + box.width].double()
            many = part.repeat_interleave(grid[0], 0).repeat_interleave(
                grid[1], 1
            )  # a patch is now whole pixels
            wanted = F.avg_pool2d(many[None], (box.height, box.width))[0]
            wanted = wanted.flip(1) if box.flip else wanted
            assert torch.allclose(batch.priors[name][place], wanted.flatten().float(), atol=2e-6), (
                name,
                place,
            )


@pytest.mark.parametrize("sizes", [UNIFORM, MIXED, [(32, 32)] * 9])
@pytest.mark.parametrize("crop", ["random", "center", "stretch"])
def test_a_map_painted_into_the_picture_arrives_where_the_prior_says(
    tmp_path: Path, sizes: list[tuple[int, int]], crop: str
) -> None:
    """The regression test of the published loaders that always took a corner of the map, or masked
    before the flip.
    """
    store, size = build_store(tmp_path, sizes, smooth=True), (32, 32)
    augment = Augment(size=size, crop=crop)  # type: ignore[arg-type]
    for epoch in range(3):
        batch = _batch(store, augment, (4, 4), ("share",), epoch)
        painted = F.avg_pool2d(batch.images[:, :1].double() / 255, 8).flatten(1)
        error = (batch.priors["share"].double() - painted).abs()
        assert error.max() < 0.02
        mirrored = painted.view(-1, 4, 4).flip(2).flatten(1)
        assert (batch.priors["share"] - mirrored).abs().max() > 0.2


def test_without_resizing_painted_and_prior_are_equal(tmp_path: Path) -> None:
    store = build_store(tmp_path, [(48, 48)] * 9)
    batch = _batch(store, Augment(size=(48, 48), crop="stretch"), (6, 6), ("share",))
    assert torch.allclose(
        batch.priors["share"],
        F.avg_pool2d(batch.images[:, :1].float() / 255, 8).flatten(1),
        atol=1e-6,
    )
    assert batch.views[:, 4].sum() not in (0, 9)


def test_views_say_where_the_crop_was(tmp_path: Path) -> None:
    store, augment = build_store(tmp_path, MIXED), Augment(size=(40, 40))
    batch = _batch(store, augment, (4, 4))
    boxes = _boxes(store, augment, batch)
    assert batch.views.shape == (9, 5)
    assert batch.views.dtype == torch.float32
    heights, widths = store.heights[batch.sample_ids], store.widths[batch.sample_ids]
    assert torch.equal((batch.views[:, 0] * heights).round().long(), boxes.top)
    assert torch.equal((batch.views[:, 1] * widths).round().long(), boxes.left)
    assert torch.equal((batch.views[:, 2] * heights).round().long(), boxes.height)
    assert torch.equal((batch.views[:, 3] * widths).round().long(), boxes.width)
    assert torch.equal(batch.views[:, 4], boxes.flip.float())


def test_asking_for_maps_changes_no_pixel(tmp_path: Path) -> None:
    store, augment = build_store(tmp_path, MIXED), Augment(size=(40, 40))
    plain = next(iter(build_loader(store, augment, LoaderSettings(batch_size=9, seed=0))))
    assert plain.priors == {}
    assert torch.equal(plain.images, _batch(store, augment, (4, 4)).images)


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_bring_the_maps_too(tmp_path: Path, workers: int) -> None:
    store = build_store(tmp_path, MIXED)
    options = {"batch_size": 3, "seed": 0, "maps": MAPS, "grid": Grid(4, 4)}
    alone = list(build_loader(store, Augment(size=(40, 40)), LoaderSettings(**options)))  # type: ignore[arg-type]
    others = list(
        build_loader(store, Augment(size=(40, 40)), LoaderSettings(workers=workers, **options))
    )  # type: ignore[arg-type]
    for one, two in zip(alone, others, strict=True):
        assert list(two.priors) == ["share", "parts/face", "parts/eyes", "parts/mouth"]
        assert all(torch.equal(one.priors[name], two.priors[name]) for name in one.priors)
        assert all(
            value.dtype == torch.float32 and value.shape == (3, 16) for value in two.priors.values()
        )


def test_a_subset_gives_its_own_maps(tmp_path: Path) -> None:
    store = build_store(tmp_path, MIXED)
    part = store.subset([4, 2])
    whole, chosen = (
        eval_batch(store, (32, 32), 9, MAPS, Grid(4, 4)),
        eval_batch(part, (32, 32), 2, MAPS, Grid(4, 4)),
    )
    for name in whole.priors:
        assert torch.equal(chosen.priors[name], whole.priors[name][[4, 2]])


def test_one_part_can_be_asked_for(tmp_path: Path) -> None:
    store = build_store(tmp_path, UNIFORM)
    batch = _batch(store, Augment(size=(40, 40)), (4, 4), ("parts/mouth",))
    whole = _batch(store, Augment(size=(40, 40)), (4, 4), ("parts",))
    assert list(batch.priors) == ["parts/mouth"]
    assert torch.equal(batch.priors["parts/mouth"], whole.priors["parts/mouth"])


def test_an_unknown_part_names_the_nearest(tmp_path: Path) -> None:
    store = build_store(tmp_path, UNIFORM)
    with pytest.raises(
        MaskwrightError,
        match=r"has no 'parts/eye': its parts are face, eyes, mouth. Did you mean 'eyes'",
    ):
        _batch(store, Augment(size=(40, 40)), (4, 4), ("parts/eye",))


def test_a_missing_map_stops_before_the_first_batch(tmp_path: Path) -> None:
    store = build_store(tmp_path, UNIFORM)
    with pytest.raises(MaskwrightError, match="has no map 'attention'"):
        build_loader(
            store,
            Augment(size=(40, 40)),
            LoaderSettings(batch_size=3, seed=0, maps=("attention",), grid=Grid(4, 4)),
        )
    with pytest.raises(MaskwrightError, match=r"give grid=Grid\(rows, cols\)"):
        build_loader(
            store, Augment(size=(40, 40)), LoaderSettings(batch_size=3, seed=0, maps=("share",))
        )


def test_overlaps_share_out_every_pixel_once() -> None:
    weights = overlap(torch.tensor([3, 0]), torch.tensor([10, 16]), 16, 3)
    assert torch.allclose(weights.sum(2), torch.ones(2, 3))
    assert torch.allclose(
        weights[0].sum(0) * 10 / 3, torch.tensor([0.0] * 3 + [1.0] * 10 + [0.0] * 3)
    )
