"""check_target passes every target of the catalog and catches the ways a target can be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PatchStats
from maskwright.patches.target import PatchShape, TargetTraits
from maskwright.support.catalog import Entry
from maskwright.targets import catalog
from maskwright.targets.catalog import TARGETS, target_examples
from maskwright.targets.contract import check_target, target_checks

LINES = [line for name in TARGETS for line in target_examples(name)]
CHECKS = [
    pytest.param(check, id=f"{line}-{check}") for line in LINES for check in target_checks(line)
]


@pytest.mark.parametrize("check", CHECKS)
def test_every_target_keeps_the_contract(check) -> None:
    check()


def test_examples_show_the_target_that_they_stand_for() -> None:
    for name in TARGETS:
        assert all(line.split("(")[0] == name for line in target_examples(name))


@dataclass(frozen=True)
class Broken:
    """A raw target with one mistake."""

    kind: str = "none"
    traits: ClassVar[TargetTraits] = TargetTraits(returns="picture", is_pixels=True)

    def num_values(self, shape: PatchShape) -> int:
        return shape.num_values + (self.kind == "shape")

    def of_patches(self, patches: Tensor) -> Tensor:
        match self.kind:
            case "batch":
                return patches - patches.mean(0)
            case "global":
                return patches + torch.rand(1)
            case "infinite":
                return patches / patches.std(-1, keepdim=True)
            case "autocast":
                return patches @ torch.eye(patches.shape[-1], dtype=torch.bfloat16).to(patches)
        return patches

    def to_pixels(self, values: Tensor, stats: PatchStats | None) -> Tensor:
        return values * 2 if self.kind == "pixels" else values

    def error_to_pixels(self, errors: Tensor, stats: PatchStats | None) -> Tensor:
        return errors * 3 if self.kind == "error" else errors

    def __str__(self) -> str:
        return f"broken(kind={self.kind!r})" if self.kind != "line" else "raw"


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("shape", "expected"),
        ("batch", "batch mates"),
        ("global", "global random generator|other values"),
        ("infinite", "flat patches"),
        ("pixels", "error_to_pixels|not pixels"),
        ("error", "error_to_pixels"),
        ("line", "calls itself"),
    ],
)
def test_a_broken_target_is_caught(kind, complaint, monkeypatch) -> None:
    monkeypatch.setitem(catalog.TARGETS, "broken", Entry(f"{__name__}:Broken", "wrong"))
    with pytest.raises(AssertionError, match=complaint):
        check_target(f"broken(kind='{kind}')", [(Grid(2, 2, 4), 3)])


def test_the_same_target_without_a_mistake_passes(monkeypatch) -> None:
    monkeypatch.setitem(catalog.TARGETS, "broken", Entry(f"{__name__}:Broken", "right"))
    check_target("broken", [(Grid(2, 2, 4), 3)])
