"""What a readout reads: which blocks, which parts of the picture, in which order, and never more
numbers than it may.
"""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from maskwright.evaluation.features import PrefixTokens, extract_features
from maskwright.evaluation.readout import (
    MOST_NUMBERS,
    READOUTS,
    average_cells,
    blocks_read,
    describe_readout,
    find_readout,
    read_features,
)
from maskwright.models.config import ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale, patchify
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator

SCALE = PixelScale((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
CPU = torch.device("cpu")
CONFIG = ModelConfig(image_size=(16, 24), patch_size=4, width=16, depth=3, heads=2, registers=1)


@pytest.fixture
def model() -> ImageEncoder:
    return ImageEncoder(CONFIG, torch_generator(0))


@pytest.fixture
def batches() -> list[SimpleNamespace]:
    rng = torch_generator(0, "pictures")
    images = torch.randint(0, 256, (5, 3, 16, 24), generator=rng, dtype=torch.uint8)
    labels = torch.arange(5)
    parts = zip(images.split(3), labels.split(3), strict=True)
    return [SimpleNamespace(images=image, labels=label) for image, label in parts]


def tokens_after(model: ImageEncoder, images: torch.Tensor, block: int) -> torch.Tensor:
    """The tokens after one block by the plainest way: run the blocks before it."""
    with torch.no_grad():
        tokens, rotation = model.encoder.begin(patchify(SCALE.to_model(images), 4))
        for one in model.encoder.blocks[:block]:
            tokens = one(tokens, rotation)
        is_last = block == len(model.encoder.blocks)
        return model.encoder.norm(tokens) if is_last else F.layer_norm(tokens, (16,))


def test_last_is_what_was_always_read(model: ImageEncoder, batches: list[SimpleNamespace]) -> None:
    read = read_features(model, batches, "last", scale=SCALE, device=CPU)
    known = extract_features(model.encode, batches, prefix=PrefixTokens(2), scale=SCALE, device=CPU)
    assert torch.equal(read.mean, known.mean)
    assert torch.equal(read.pooled("cls"), known.pooled("cls"))
    assert torch.equal(read.labeled("mean").labels, torch.arange(5))


def test_blocks_are_joined_in_order(model: ImageEncoder, batches: list[SimpleNamespace]) -> None:
    read = read_features(model, batches, "blocks", scale=SCALE, device=CPU)
    images = torch.cat([batch.images for batch in batches])
    for place in range(3):
        tokens = tokens_after(model, images, place + 1)
        part = slice(16 * place, 16 * (place + 1))
        assert torch.allclose(read.mean[:, part], tokens[:, 2:].mean(1), atol=1e-5)
        assert torch.allclose(read.pooled("cls")[:, part], tokens[:, 0], atol=1e-5)


def test_a_grid_holds_the_mean_of_each_quarter(
    model: ImageEncoder, batches: list[SimpleNamespace]
) -> None:
    read = read_features(model, batches, "grid", scale=SCALE, device=CPU)
    images = torch.cat([batch.images for batch in batches])
    maps = tokens_after(model, images, 3)[:, 2:].unflatten(1, (4, 6))
    lower_left = maps[:, 2:, :3].mean((1, 2))
    assert torch.allclose(read.mean[:, 32:48], lower_left, atol=1e-5)
    assert read.mean.shape == (5, 64)
    assert read.pooled("cls").shape == (5, 16)


def test_quarters_of_all_blocks(model: ImageEncoder, batches: list[SimpleNamespace]) -> None:
    read = read_features(model, batches, "blocks_grid", scale=SCALE, device=CPU)
    grid = read_features(model, batches, "grid", scale=SCALE, device=CPU)
    assert read.mean.shape == (5, 3 * 64)
    assert torch.equal(read.mean[:, 128:], grid.mean)


def test_statistics_put_the_deviation_beside_the_mean_of_each_block(
    model: ImageEncoder, batches: list[SimpleNamespace]
) -> None:
    read = read_features(model, batches, "statistics", scale=SCALE, device=CPU)
    images = torch.cat([batch.images for batch in batches])
    assert read.mean.shape == (5, 3 * 32)
    for place in range(3):
        patches = tokens_after(model, images, place + 1)[:, 2:]
        spread = (patches - patches.mean(1, keepdim=True)).square().mean(1).sqrt()
        part = read.mean[:, 32 * place : 32 * (place + 1)]
        assert torch.allclose(part, torch.cat([patches.mean(1), spread], 1), atol=1e-5)


def test_a_grid_that_halves_do_not_divide_overlaps_in_the_middle() -> None:
    patches = torch.arange(9.0).reshape(1, 9, 1)
    quarters = average_cells(patches, Grid(3, 3, 4), 2)
    assert quarters.tolist() == [[2.0, 3.0, 5.0, 6.0]]
    assert average_cells(patches[:, :1], Grid(1, 1, 4), 2).tolist() == [[0.0]]


@pytest.mark.parametrize("name", READOUTS)
def test_a_picture_never_takes_more_numbers_than_allowed(name: str) -> None:
    large = dataclasses.replace(CONFIG, width=1024, depth=24, heads=16)
    blocks = blocks_read(large, READOUTS[name])
    assert blocks[-1] == 24
    assert len(set(blocks)) == len(blocks)
    reported = describe_readout(name, large)
    assert reported["width"] == len(blocks) * 1024 * READOUTS[name].numbers
    assert int(str(reported["width"])) <= MOST_NUMBERS


def test_few_blocks_are_evenly_spaced() -> None:
    large = dataclasses.replace(CONFIG, width=1024, depth=24, heads=16)
    assert blocks_read(large, READOUTS["blocks"]) == (6, 12, 18, 24)
    assert blocks_read(CONFIG, READOUTS["blocks"]) == (1, 2, 3)


def test_the_batch_changes_nothing(model: ImageEncoder, batches: list[SimpleNamespace]) -> None:
    whole = [SimpleNamespace(images=torch.cat([b.images for b in batches]), labels=None)]
    for name in READOUTS:
        apart = read_features(model, batches, name, scale=SCALE, device=CPU)
        together = read_features(model, whole, name, scale=SCALE, device=CPU)
        assert torch.allclose(apart.mean, together.mean, atol=1e-5)


def test_mistakes_are_sentences(model: ImageEncoder) -> None:
    with pytest.raises(MaskwrightError, match=r"Did you mean 'blocks'\?"):
        find_readout("block")
    with pytest.raises(MaskwrightError, match="no images"):
        read_features(model, [], "blocks", scale=SCALE, device=CPU)
