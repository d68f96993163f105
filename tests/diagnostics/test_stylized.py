"""Stylized transfer: pictures in other textures, answers by picture and by style."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.restyling import (
    Restyler,
    outline_of,
    random_filters,
    texture_statistics,
)
from maskwright.diagnostics.stylized import (
    Restyled,
    Stylized,
    check_classes,
    match_classes,
    other_classes,
    pair_by_name,
)
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.visual.png import to_png_bytes
from tests.diagnostics.subjects import build_subject, pictures


def test_restyling_takes_the_texture_and_keeps_the_drawing() -> None:
    rng = torch_generator(0)
    # A bright disk on dark ground, and noise in the colors of the style.
    far = torch.cartesian_prod(torch.arange(32.0), torch.arange(32.0)).sub(15.5).norm(dim=1)
    disk = (far < 9).float().view(1, 1, 32, 32).expand(2, 3, -1, -1) * 200 + 20
    style = torch.randint(0, 255, (2, 3, 32, 32), generator=rng).byte()
    drawn = Restyler(filters=8, steps=60, outline=1).restyle(disk.byte(), style).float() / 255
    bank = random_filters(8, 3, seed=0)

    def distance(images: torch.Tensor) -> float:
        pairs = zip(
            texture_statistics(images, bank),
            texture_statistics(style.float() / 255, bank),
            strict=True,
        )
        return sum(float((mine - other).square().mean()) for mine, other in pairs)

    assert distance(drawn) < 0.5 * distance(disk / 255)
    outlines = [outline_of(images, 4).flatten(1) for images in (drawn, disk / 255)]
    assert torch.nn.functional.cosine_similarity(*outlines).min() > 0.8


def test_every_picture_gets_a_style_of_another_class() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    order = other_classes(labels, seed=0)
    assert (labels[order] != labels).all()
    assert torch.equal(order, other_classes(labels, seed=0))
    with pytest.raises(MaskwrightError, match="two classes"):
        other_classes(torch.zeros(4, dtype=torch.int64), seed=0)


def test_restyled_pictures_are_drawn_once_for_all_subjects() -> None:
    question = Restyled(most=8, steps=2)
    material = DiagnosticPictures(test=pictures(16))
    first = question.measure(build_subject(), material)
    drawn = dict(question._drawn)  # type: ignore[attr-defined]
    second = question.measure(build_subject("other"), material)
    assert question._drawn == drawn or len(question._drawn) == 1  # type: ignore[attr-defined]
    names = {"clean", "stylized", "style's class", "chance", "stylized - clean"}
    assert set(first.numbers) == set(second.numbers) == names
    change = first.numbers["stylized"].value - first.numbers["clean"].value
    assert first.numbers["stylized - clean"].value == pytest.approx(change)
    assert to_png_bytes(question.figure([first, second]))[:4] == b"\x89PNG"


def test_stylized_pictures_are_matched_by_class_and_paired_by_name() -> None:
    test = replace(pictures(8), keys=tuple(f"test/c/{at}.png" for at in range(8)))
    # The same pictures under the same names, with classes in another order.
    other = replace(
        test,
        labels=1 - test.labels,
        classes=("bright", "dark"),
        keys=tuple(f"val/c/{at}.webp" for at in range(8)),
    )
    assert torch.equal(match_classes(other, test.classes), test.labels)
    assert pair_by_name(test.keys, other.keys) == [(at, at) for at in range(8)]
    material = DiagnosticPictures(test=test, extra={"stylized": other})
    found = Stylized().measure(build_subject(), material)
    assert found.numbers["stylized"].value == found.numbers["clean"].value
    assert found.numbers["stylized - clean"].value == 0
    assert found.protocol["num_paired"] == 8


def test_foreign_classes_are_refused_by_name() -> None:
    check_classes(["dark"], ["bright", "dark"], "place")
    with pytest.raises(MaskwrightError, match="'place' are not those of the clean ones: cat"):
        check_classes(["cat", "dark"], ["bright", "dark"], "place")
    with pytest.raises(MaskwrightError, match="it has none"):
        check_classes([], ["bright", "dark"], "place")
