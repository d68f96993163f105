"""Segmentation heads and scores: what is learned from shares, and what IoU means."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maskwright.evaluation.segmentation_fit import (
    PatchSample,
    SegmentationFit,
    balance,
    fit_segmentation,
    patch_miou,
)
from maskwright.evaluation.segmentation_head import SegmentationHead, classes_at, read_head
from maskwright.evaluation.segmentation_scores import (
    PixelCounts,
    count_pixels,
    miou_difference,
    score_segmentation,
)
from maskwright.evaluation.standardize import Standardizer
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError

RNG = torch.Generator().manual_seed(0)


def sample(count: int = 400, noise: float = 0.3) -> PatchSample:
    """Patches whose class can be read from their tokens; a fifth is held out."""
    classes = torch.arange(count) % 3
    shares = torch.nn.functional.one_hot(classes, 3).float()
    tokens = shares @ torch.randn(3, 8, generator=RNG)
    tokens += noise * torch.randn(count, 8, generator=RNG)
    return PatchSample(tokens, shares, torch.arange(count) % 5 == 0)


def test_a_head_learns_classes_of_patches_and_its_penalty_on_held_out_ones() -> None:
    fitted = fit_segmentation(sample(), SegmentationFit())
    test = sample(noise=0.3)
    # other random directions of the classes: nothing is known of them
    scores = fitted.standardizer.apply(sample().tokens) @ fitted.weight + fitted.bias
    assert scores.shape == (400, 3)
    assert len(fitted.tried) == 5
    assert max(item.miou for item in fitted.tried) > 0.9
    assert patch_miou(test.shares.argmax(1), test.shares) == 1


def test_classes_weigh_the_same_when_balanced_so_a_rare_one_is_found() -> None:
    many = PatchSample(
        torch.zeros(100, 1),
        torch.tensor([[1.0, 0.0]] * 90 + [[0.0, 1.0]] * 10),
        torch.zeros(100, dtype=torch.bool),
    )
    many.tokens[90:] = 0.2
    many.tokens[:] += torch.randn(100, 1, generator=RNG)
    found = {}
    for balanced in (False, True):
        fitted = fit_segmentation(many, SegmentationFit(balanced=balanced))
        scores = fitted.standardizer.apply(many.tokens) @ fitted.weight + fitted.bias
        found[balanced] = int((scores.argmax(1) == 1).sum())
    assert found[False] == 0 < found[True]
    assert balance(many.shares).sum(0).tolist() == pytest.approx([1, 1])


def test_one_class_is_refused() -> None:
    alone = PatchSample(
        torch.zeros(4, 2), torch.ones(4, 2) * torch.tensor([1, 0]), torch.zeros(4, dtype=torch.bool)
    )
    with pytest.raises(MaskwrightError, match="at least two classes"):
        fit_segmentation(alone, SegmentationFit())


def counts() -> PixelCounts:
    """Two pictures of four pixels; the third class is never there, and yet predicted once."""
    pictures = [
        count_pixels(np.array([[0, 0], [1, 255]]), np.array([[0, 1], [1, 0]]), 3),
        count_pixels(np.array([[0, 0], [0, 0]]), np.array([[0, 0], [0, 2]]), 3),
    ]
    both, truth, given = np.stack(pictures, axis=1).astype(float)
    return PixelCounts(both, truth, given)


def test_iou_by_hand_and_a_class_that_is_never_there_is_undefined() -> None:
    scores = score_segmentation(counts(), commonest=0, seed=0)
    # class 0: 4 of 6; class 1: 1 of 2; class 2: not in the truth
    assert [None if item is None else item.value for item in scores.iou] == [
        pytest.approx(4 / 6),
        pytest.approx(1 / 2),
        None,
    ]
    assert scores.miou.value == pytest.approx((4 / 6 + 1 / 2) / 2)
    assert scores.accuracy.value == pytest.approx(5 / 7)
    assert scores.majority == {"accuracy": pytest.approx(6 / 7), "miou": pytest.approx(3 / 7)}
    written = scores.to_dict(("a", "b", "c"))
    assert written["per_class"][2] == {"class": "c", "pixels": 0, "iou": None}


def test_differences_are_paired_so_a_result_differs_from_itself_by_nothing() -> None:
    written = counts().to_dict()
    assert written is not None
    same = miou_difference(written, written, 0)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_a_head_is_read_back_and_enlarges_scores_bilinearly(tmp_path) -> None:
    head = SegmentationHead(
        Standardizer(torch.zeros(2), torch.ones(2)),
        torch.eye(2),
        torch.zeros(2),
        ("a", "b"),
        (1, 2),
        "hash",
    )
    (tmp_path / "head.safetensors").write_bytes(head.to_bytes())
    again = read_head(tmp_path / "head.safetensors")
    assert again.classes == head.classes
    assert again.blocks == (1, 2)
    tokens = torch.tensor([[[1.0, 0.0], [0.0, 3.0]]])  # (1, 2 patches, 2)
    scores = again.scores(tokens, Grid(1, 2, 4))
    assert scores.shape == (1, 2, 1, 2)
    given = classes_at(scores[0], (1, 8))
    # half-way between 1:0 and 0:3 the second class has won already
    assert given.tolist() == [[0, 0, 0, 1, 1, 1, 1, 1]]
    (tmp_path / "other.safetensors").write_bytes(b"nothing")
    with pytest.raises(MaskwrightError, match="cannot be read"):
        read_head(tmp_path / "other.safetensors")
