"""Mask geometry: masking policies from easy to hard, by their shape and the cost of copying."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from maskwright.data.store.splits import spread
from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.difficulty import measure_difficulty
from maskwright.diagnostics.findings import Findings, number_to_json
from maskwright.diagnostics.geometry import measure_geometry
from maskwright.evaluation.subject import Subject
from maskwright.masking.catalog import build_policy
from maskwright.masking.policy import Policy, Scene, check_fits, mask_scene
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, check_ratio, visible_count
from maskwright.support.checks import check_at_least, read_words
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import sample_rng
from maskwright.visual.mask_table import PolicyRow, draw_policies

CONTROL = (
    "No weights are asked. A copy error of 1 is what the mean color of the whole picture costs, and"
    " 2 what unrelated patches cost; random masks are the policy to hold the others against."
)
# What is shown where no policies are named: those that need neither maps nor a model.
USUAL = (
    "random",
    "grid",
    "blue",
    "block(size=2)",
    "block(size=4)",
    "rectangles",
    "inverse_block",
    "red",
)


@dataclass(frozen=True)
class Geometry:
    """Shape of the masks of policies, and the error of copying the nearest visible patch.

    No weights are asked: this orders policies from easy to hard before any training.

    Formula: distance = mean over masked i of the least distance to a visible patch
    Source: this package.

    policies: those that need neither maps nor a model, by default the usual ones that suit the
        grid.
    ratio: share masked.
    draws: masks of each policy that are measured.
    most: of the test pictures, how many are copied in.
    """

    policies: Sequence[str] = ()
    ratio: float = 0.75
    draws: int = 1000
    most: int = 500
    wants: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", read_words("policies", self.policies))
        check_at_least("draws", self.draws, 1)
        check_at_least("most", self.most, 1)

    def measure(self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0) -> Findings:
        """The findings of the first policy; `measure_once` gives all."""
        return self.measure_once(subject, pictures, seed)[0]

    def measure_once(
        self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0
    ) -> list[Findings]:
        """Findings of every policy, the easiest to copy first."""
        check_ratio(subject.grid.num_patches, self.ratio)
        images = _images(pictures, self.most)
        findings = [
            self._measure_policy(name, policy, images, subject.grid, seed)
            for name, policy in self._policies(subject.grid).items()
        ]
        # Flat pictures have no copy error, which is null in tables.
        return sorted(findings, key=lambda finding: finding.tables["copy_error"]["value"] or 0.0)

    def figure(self, findings: Sequence[Findings]) -> Any:
        """Where each policy masks, its numbers, and its copy error."""
        rows = []
        for finding in findings:
            share = finding.tables["share_masked"]
            ratio = finding.protocol["ratio"]
            rows.append(PolicyRow(finding.subject, share, dict(finding.numbers), ratio))
        title = f"Masks at ratio {self.ratio:g} on a {findings[0].protocol['grid']}"
        return draw_policies(rows, title, CONTROL)

    def _policies(self, grid: Grid) -> dict[str, Policy]:
        built = {name: build_policy(name) for name in self.policies or USUAL}
        for name, policy in built.items():
            _refuse_needy(name, policy)
        if self.policies:
            return built
        # Of the usual ones, some do not fit a small grid; a policy that was named must.
        return {name: policy for name, policy in built.items() if _fits(policy, grid, self.ratio)}

    def _measure_policy(
        self, name: str, policy: Policy, images: Tensor, grid: Grid, seed: int
    ) -> Findings:
        begun = time.perf_counter()
        shape = measure_geometry(self._masks(policy, grid, self.draws, seed).is_masked, grid)
        # One mask per picture is enough here: the interval is over pictures.
        masks = self._masks(policy, grid, len(images), seed)
        difficulty = measure_difficulty(images, masks, grid, seed)
        return Findings(
            diagnostic="geometry",
            subject=name,
            numbers={**shape.numbers(), "copy error": difficulty.copy_error},
            control=CONTROL,
            protocol={**asdict(self), "grid": str(grid), "num_pictures": len(images)},
            tables={
                "share_masked": shape.share_masked.round(4).tolist(),
                "copy_error": number_to_json(difficulty.copy_error),
                "by_distance": {
                    f"{step:g}": value for step, value in difficulty.by_distance.items()
                },
            },
            seconds=time.perf_counter() - begun,
        )

    def _masks(self, policy: Policy, grid: Grid, count: int, seed: int) -> PatchMask:
        hidden = grid.num_patches - visible_count(grid.num_patches, self.ratio)
        check_fits(policy, grid, hidden)
        rng = sample_rng(seed, 0, torch.arange(count), "geometry")
        # Policies that change during a training are shown as they end.
        return mask_scene(policy, Scene(grid, hidden, rng, progress=1.0))


def _images(pictures: DiagnosticPictures, most: int) -> Tensor:
    """At most so many uint8 test pictures, spread over all classes of a sorted set."""
    sample = pictures.test.take(spread(len(pictures.test), most))
    return torch.cat([batch.images for batch in sample])


def _refuse_needy(name: str, policy: Policy) -> None:
    # Maps and models belong to pictures of a run, which a table of policies has not.
    needs = policy.traits.needs
    if needs:
        raise MaskwrightError(
            f"Policy '{name}' looks at {', '.join(sorted(needs))}; geometry draws masks without"
            f" pictures. Use: maskwright masks DATA --policy '{name}'."
        )


def _fits(policy: Policy, grid: Grid, ratio: float) -> bool:
    """Whether one of the usual policies makes sense on this grid."""
    try:
        check_fits(policy, grid, grid.num_patches - visible_count(grid.num_patches, ratio))
    except MaskwrightError:
        return False
    return True
