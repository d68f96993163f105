"""The contract: a policy turns a Scene into a score per patch and does nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, split
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import KeyedRng


@dataclass(frozen=True)
class Traits:
    """What a policy promises; `check_policy` holds it to this.

    uniform: every position is masked equally often; nested: with the same chance, a higher ratio only masks more patches;
    cell: side of the square cells that are masked whole, all but one at most, or None;
    needs: what it asks of a scene beyond the grid, among "images", "priors", "attention", "patch_loss".
    """

    uniform: bool = True
    nested: bool = True
    cell: int | None = None
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Scene:
    """All that a policy may look at for one batch of B images.

    num_masked is for quotas alone; rng has one stream per image; progress is the share of the training done, in [0, 1];
    sample_ids (B,) name the images in the data set; images (B, C, H, W) are as the model will see them, after augmentation;
    priors map a name to (B, N) maps moved with the same crop and flip; attention() and patch_loss() give (B, N), computed when first asked.
    """

    grid: Grid
    num_masked: int
    rng: KeyedRng
    progress: float = 0.0
    sample_ids: Tensor | None = None
    images: Tensor | None = None
    priors: Mapping[str, Tensor] = field(default_factory=dict)
    attention: Callable[[], Tensor] | None = None
    patch_loss: Callable[[], Tensor] | None = None

    @property
    def batch_size(self) -> int:
        return self.rng.batch_size

    @property
    def device(self) -> torch.device:
        return self.rng.device

    def prior(self, name: str) -> Tensor:
        """The (B, N) map of that name; raises MaskwrightError when the data has none."""
        if name not in self.priors:
            raise MaskwrightError(f"This policy needs a '{name}' map for each picture; the data has {sorted(self.priors) or 'none'}.")
        return self.priors[name]

    def forked(self, name: str) -> Scene:
        """The same scene with independent chance, for a part of a composed policy."""
        return Scene(**{**self.__dict__, "rng": self.rng.fork(name)})


@runtime_checkable
class Policy(Protocol):
    """A rule that scores patches. Implementations are frozen dataclasses whose fields are the settings."""

    @property
    def traits(self) -> Traits:
        """What the policy promises: a `ClassVar` where every setting keeps the promise, a property where it depends on them."""
        ...

    def score(self, scene: Scene) -> Tensor:
        """Return (B, N) float scores; larger is masked first, equal scores are decided by chance, -inf means never first."""
        ...


@runtime_checkable
class GridBound(Protocol):
    """A policy that some grids or counts do not suit; one that suits all leaves this method out."""

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        """Raise MaskwrightError, saying what would fit, when the settings make no sense for this grid and count."""
        ...


def check_fits(policy: Policy, grid: Grid, num_masked: int) -> None:
    """Raise MaskwrightError when the policy's settings do not suit this grid and count; call it once before a run."""
    if isinstance(policy, GridBound):
        policy.check_grid(grid, num_masked)


def mask_scene(policy: Policy, scene: Scene, num_predicted: int | None = None) -> PatchMask:
    """Score a scene and split it exactly: the one road from policy to mask."""
    num_visible = scene.grid.num_patches - scene.num_masked
    return split(policy.score(scene.forked("score")), num_visible, num_predicted, rng=scene.rng.fork("split"))
