"""Reconstruction sheets: the right size, hidden pixels never shown as the model's, and the
denormalization said.
"""

import numpy as np
import pytest
import torch

from maskwright.patches import Grid, PixelScale, Prediction, patchify, split
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import sample_rng
from maskwright.targets.building import read_target
from maskwright.visual.page import Page
from maskwright.visual.reconstructions import (
    DENORMALIZATION,
    SheetFacts,
    reconstruction_sheet,
    sheet_rows,
)

FACTS = SheetFacts(policy="random", ratio=0.75, seed=0)


def scale(channels):
    return PixelScale((0.5,) * channels, (0.5,) * channels)


GRID = Grid(4, 4, 8)


def predicted(count=2, channels=3, grid=GRID, target="raw", num_predicted=None, values=0.0):
    images = (
        torch.rand(count, channels, *grid.image_size, generator=torch.Generator().manual_seed(0))
        - 1
    )
    mask = split(
        torch.zeros(count, grid.num_patches),
        4,
        num_predicted,
        rng=sample_rng(0, 0, torch.arange(count)),
    )
    patches = patchify(images, grid.patch_size)
    guess = torch.full((count, mask.predicted_ids.shape[1], patches.shape[2]), values)
    return Prediction(guess, mask, patches, grid, read_target(target), torch.zeros(count, 4, 0), 0)


@pytest.fixture
def texts(monkeypatch):
    """The texts written on pages, in order."""
    written = []
    write = Page.write

    def listen(page, text, *args, **options):
        written.append(text)
        write(page, text, *args, **options)

    monkeypatch.setattr(Page, "write", listen)
    return written


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
def test_any_number_of_channels_gives_a_sheet(channels, texts):
    sheet = reconstruction_sheet(sheet_rows(predicted(channels=channels), scale(channels)), FACTS)
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3
    assert any("channels shown" in text for text in texts) == (channels not in (1, 3))


def test_four_readable_columns_and_one_band_per_image():
    one, three = (
        reconstruction_sheet(sheet_rows(predicted(count), scale(3)), FACTS) for count in (1, 3)
    )
    assert one.shape[1] == three.shape[1] >= 4 * 128
    assert three.shape[0] - one.shape[0] >= 2 * 128


def test_non_square_and_large_images_fit():
    tall = reconstruction_sheet(sheet_rows(predicted(1, grid=Grid(8, 2, 8)), scale(3)), FACTS)
    large = reconstruction_sheet(sheet_rows(predicted(1, grid=Grid(20, 40, 16)), scale(3)), FACTS)
    assert tall.shape[0] > tall.shape[1] * 0.5
    assert large.shape[1] < 4 * 320 + 100


def test_masked_and_prediction_tiles_share_no_pixel_and_make_the_composite():
    row = sheet_rows(predicted(1), scale(3))[0]
    original, masked, prediction, composite = row.tiles()
    hidden = np.kron(row.is_masked[0].numpy(), np.ones((4, 4), dtype=bool))
    assert np.array_equal(masked[~hidden], original[~hidden])
    assert not np.array_equal(masked[hidden], original[hidden])
    assert np.array_equal(composite[~hidden], masked[~hidden])
    assert np.array_equal(composite[hidden], prediction[hidden])
    assert not np.array_equal(composite[hidden], original[hidden])


def test_masked_pixels_do_not_change_the_masked_tile():
    row = sheet_rows(predicted(1), scale(3))[0]
    changed = sheet_rows(predicted(1), scale(3))[0]
    changed.original[row.is_masked.expand(3, -1, -1)] = 0.123
    assert np.array_equal(row.tiles()[1], changed.tiles()[1])
    assert not np.array_equal(row.tiles()[0], changed.tiles()[0])


def test_patches_masked_but_not_predicted_are_blank_in_the_composite():
    row = sheet_rows(predicted(1, num_predicted=3), scale(3))[0]
    unknown = np.kron((row.is_masked & ~row.is_predicted)[0].numpy(), np.ones((4, 4), dtype=bool))
    assert unknown.sum() == 9 * 32 * 32
    original, masked, _, composite = row.tiles()
    assert np.array_equal(composite[unknown], masked[unknown])
    assert not np.array_equal(composite[unknown], original[unknown])


@pytest.mark.parametrize(
    ("target", "stats", "said"),
    [
        ("raw", "target", "raw"),
        ("normalized", "visible", "visible"),
        ("normalized", "target", "target"),
    ],
)
def test_the_denormalization_really_used_is_said(target, stats, said, texts):
    rows = sheet_rows(predicted(target=target), scale(3), stats)
    reconstruction_sheet(rows, FACTS)
    assert DENORMALIZATION[said] in texts
    assert any(f"target {target}" in text for text in texts)


def test_the_oracle_is_called_so_and_its_pictures_differ():
    honest, oracle = (
        reconstruction_sheet(sheet_rows(predicted(target="normalized"), scale(3), s), FACTS)
        for s in ("visible", "target")
    )
    assert DENORMALIZATION["target"].startswith("stats=target, an oracle")
    assert honest.shape != oracle.shape or not np.array_equal(honest, oracle)


def test_the_footer_names_policy_ratio_and_seed(texts):
    facts = SheetFacts(policy="block(size=4)", ratio=0.6, seed=17, title="epoch 3")
    reconstruction_sheet(sheet_rows(predicted(), scale(3), captions=["first", "second"]), facts)
    assert texts[:3] == ["epoch 3", "first", "second"]
    assert texts[3].startswith("policy block(size=4)   |   ratio 0.6   |   seed 17")


def test_a_long_policy_is_wrapped_inside_the_page():
    facts = SheetFacts(policy="mix(" + ", ".join(["block(size=4)"] * 20) + ")", ratio=0.75, seed=0)
    long, short = (
        reconstruction_sheet(sheet_rows(predicted(1), scale(3)), item) for item in (facts, FACTS)
    )
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0]
    assert (long[:, -10:] == 255).all()


def test_rows_of_unlike_denormalization_do_not_share_a_sheet():
    rows = sheet_rows(predicted(target="normalized"), scale(3)) + sheet_rows(predicted(), scale(3))
    with pytest.raises(MaskwrightError, match="one sheet for each"):
        reconstruction_sheet(rows, FACTS)


def test_no_images_or_too_few_captions_is_an_error():
    with pytest.raises(MaskwrightError, match="at least one image"):
        reconstruction_sheet([], FACTS)
    with pytest.raises(MaskwrightError, match="1 captions for 2 images"):
        sheet_rows(predicted(2), scale(3), captions=["only one"])
