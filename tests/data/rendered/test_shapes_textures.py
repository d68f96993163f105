"""Rendered pictures carry exactly the cues they are labeled with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maskwright.data.packing import pack
from maskwright.data.rendered.cue_names import read_cues
from maskwright.data.rendered.drawing import SHAPES, TEXTURES, render_mask, render_surface
from maskwright.data.rendered.shapes_textures import (
    PAIRS,
    PicturePlan,
    ShapesTexturesSource,
    open_shapes_textures,
)
from maskwright.data.sources.open import open_source
from maskwright.diagnostics.shape_bias import count_decisions
from maskwright.support.errors import MaskwrightError


def test_there_are_at_least_eight_of_each() -> None:
    assert len(SHAPES) >= 8
    assert len(TEXTURES) >= 8


def test_a_picture_depends_on_options_split_and_index_alone() -> None:
    few, many = (
        open_source("shapes-textures:n=4,size=24"),
        open_source("shapes-textures:n=40,size=24"),
    )
    assert all(np.array_equal(few.read(at), many.read(at)) for at in (3, 0, 2))
    assert not np.array_equal(
        few.read(0), open_source("shapes-textures:n=4,size=24,seed=1").read(0)
    )
    test = open_source("shapes-textures:n=4,size=24", split="test")
    assert len(test) == 1
    assert not np.array_equal(few.read(0), test.read(0))
    assert few.fingerprint != test.fingerprint != many.fingerprint


def test_contrast_and_background_move_neither_the_cues_nor_the_pose() -> None:
    plain, faint = (
        open_shapes_textures("shapes-textures:n=30"),
        open_shapes_textures("shapes-textures:n=30,contrast=0,background=1"),
    )
    assert plain.cue_numbers == faint.cue_numbers
    assert all(plain.plan(at).pose == faint.plan(at).pose for at in range(30))


def test_cues_are_independent_agree_or_differ() -> None:
    free, agree, conflict = (
        np.array(open_shapes_textures(f"shapes-textures:n=4000,cues={cues}").cue_numbers)
        for cues in ("free", "agree", "conflict")
    )
    assert (agree[0] == agree[1]).all()
    assert (conflict[0] != conflict[1]).all()
    table = np.zeros((len(SHAPES), len(TEXTURES)))
    np.add.at(table, tuple(free), 1)
    expected = 4000 / table.size
    assert (
        (table - expected) ** 2 / expected
    ).sum() < 150  # chi-squared, 99 degrees of freedom: 150 is beyond 99.9 %
    offsets = np.bincount((conflict[1] - conflict[0]) % len(TEXTURES), minlength=len(TEXTURES))
    assert offsets[0] == 0
    assert abs(offsets[1:] - 4000 / 9).max() < 100


@pytest.mark.parametrize(("labels", "count"), [("shape", 10), ("texture", 10), ("both", 100)])
def test_labels_are_what_was_asked_for(labels: str, count: int) -> None:
    source = open_shapes_textures(f"shapes-textures:n=50,labels={labels}")
    assert len(source.classes) == count
    cues = read_cues([source.key(at) for at in range(50)])
    spelled = {"shape": "{0.shape}", "texture": "{0.texture}", "both": "{0.shape}-{0.texture}"}[
        labels
    ]
    assert [source.classes[label] for label in source.labels] == [
        spelled.format(one) for one in cues
    ]


def test_textures_have_one_mean_and_nearly_one_contrast() -> None:
    source = open_shapes_textures("shapes-textures:n=1")
    heights = [render_surface(name, source.plan(0).mapping, 64) for name in TEXTURES]
    assert all(abs(height.mean()) < 0.03 for height in heights)
    deviations = [height.std() for height in heights]
    assert max(deviations) / min(deviations) < 1.25


def test_no_contrast_leaves_a_flat_silhouette_and_no_figure_hides_it() -> None:
    flat = open_shapes_textures("shapes-textures:n=3,contrast=0,size=32")
    inside = flat.mask(flat.plan(1)) == 1
    pixels = flat.read(1)
    assert inside.sum() > 50
    assert (pixels[inside] == pixels[inside][0]).all()
    assert not (pixels == pixels[inside][0]).all()


def test_crop_brings_the_silhouette_nearer() -> None:
    far, near = (
        open_shapes_textures(f"shapes-textures:n=60,size=32{crop}") for crop in ("", ",crop=0.8")
    )
    borders = [
        [source.mask(source.plan(at))[[0, -1]].any() for at in range(60)] for source in (far, near)
    ]
    assert sum(borders[0]) == 0
    assert sum(borders[1]) > 15


def silhouette_oracle(source: ShapesTexturesSource, plan: PicturePlan) -> int:
    """Reads the silhouette alone: which outline, laid where this one lies, covers it best."""
    seen = source.mask(plan)
    covers = [render_mask(name, plan.pose, source.settings.size) for name in SHAPES]
    return int(
        np.argmax(
            [np.minimum(seen, cover).sum() / np.maximum(seen, cover).sum() for cover in covers]
        )
    )


def surface_oracle(source: ShapesTexturesSource, plan: PicturePlan) -> int:
    """Reads pixels inside the silhouette alone: which surface, lying as this one lies, goes with
    them best.
    """
    inside = source.mask(plan) == 1
    gray = source.render(plan).mean(2)[inside]
    heights = [
        render_surface(name, plan.mapping, source.settings.size)[inside] for name in TEXTURES
    ]
    return int(np.argmax([abs(np.corrcoef(gray, height)[0, 1]) for height in heights]))


def test_a_shape_oracle_has_bias_one_and_a_texture_oracle_zero() -> None:
    source = open_shapes_textures("shapes-textures:n=50,size=40,cues=conflict,background=0.5")
    plans = [source.plan(at) for at in range(len(source))]
    shapes, textures = (torch.tensor(numbers) for numbers in source.cue_numbers)
    by_shape = count_decisions(
        torch.tensor([silhouette_oracle(source, plan) for plan in plans]), shapes, textures, SHAPES
    )
    by_texture = count_decisions(
        torch.tensor([surface_oracle(source, plan) for plan in plans]), shapes, textures, SHAPES
    )
    assert by_shape.bias.value == 1
    assert by_shape.shape.value == 1
    assert by_texture.bias.value == 0
    assert by_texture.texture.value == 1


def test_every_texture_goes_with_a_shape_of_its_own() -> None:
    assert sorted(PAIRS) == sorted(TEXTURES)
    assert sorted(PAIRS.values()) == sorted(SHAPES)


def test_rendered_pictures_pack_like_any_source() -> None:
    store = pack(open_source("shapes-textures:n=6,size=24"), short_side=24)
    assert len(store) == 6
    assert np.array_equal(
        store.image(2).permute(1, 2, 0).numpy(), open_source("shapes-textures:n=6,size=24").read(2)
    )
    assert store.classes == SHAPES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shapes-textures:siz=64", "Did you mean 'size'"),
        ("shapes-textures:size", "has no option 'size'"),
        ("shapes-textures:size=big", "size is a number; got 'big'"),
        ("shapes-textures:cues=agreeing", "cues is one of free, agree, conflict"),
        ("shapes-textures:crop=2", "crop lies between 0 and 0.9"),
        ("shapes-textures:n=0", "n is at least 1"),
    ],
)
def test_mistakes_are_told(text: str, message: str) -> None:
    with pytest.raises(MaskwrightError, match=message):
        open_source(text)


def test_it_has_no_third_split() -> None:
    with pytest.raises(MaskwrightError, match="has no split 'val'; it has train and test"):
        open_source("shapes-textures", split="val")
