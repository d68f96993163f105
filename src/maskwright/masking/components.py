"""Components: what is hidden are no patches but parts of whole pictures, by their variance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor

from maskwright.masking.policy import Policy, Scene, Traits, check_fits
from maskwright.masking.stateful import PolicySettings, leaves
from maskwright.masking.uniform import RandomPolicy
from maskwright.patches.grid import Grid
from maskwright.schedules import parse_schedule
from maskwright.support.checks import check_count, check_one_of
from maskwright.support.errors import MaskwrightError, did_you_mean

OWNER = "Policy 'components'"
# The option that says how finely pictures are cut, by basis.
_FINENESS = {"pca": "count", "dct": "bands"}


@dataclass(frozen=True, kw_only=True)
class ComponentsPolicy:
    """Hide principal components or frequencies of whole pictures (Bizeul et al. 2025).

    The encoder sees every patch of a picture that lacks the hidden parts; the loss is on them
    alone. The ratio is a share of the variance of the training pictures, to which the basis is
    fitted before the first step. Scores are of the ids of the basis, on a grid of their own.

    Formula: hidden = the parts with the largest scores, as long as their variances sum to the ratio
    Source: Bizeul et al. 2025 (PMAE); for dct the idea of Xie et al. 2023 (masked frequencies).

    basis: "pca", the principal components of whole pictures and what they leave over, or "dct",
        bands of a discrete cosine transform along both sides, equally wide in octaves.
    share: of the variance that is hidden, a number or schedule; the run's ratio when None.
    count: how many principal components; by default 256, or fewer for few or small pictures.
    bands: bands of frequencies along each side; 8 by default, or one for each pixel of fewer.
    of: the policy that scores the ids; it may look at nothing but their grid.
    """

    basis: Literal["pca", "dct"] = "pca"
    share: Any = None
    count: int | None = None
    bands: int | None = None
    of: Policy = RandomPolicy()

    def __post_init__(self) -> None:
        check_one_of("basis", self.basis, tuple(_FINENESS), owner=OWNER)
        for basis, name in _FINENESS.items():
            value = getattr(self, name)
            if value is not None and basis != self.basis:
                raise MaskwrightError(
                    f"{OWNER} has {name} for basis={basis} alone, and the basis is {self.basis}."
                )
            if value is not None:
                check_count(name, value, least=1 if basis == "pca" else 2, owner=OWNER)
        if self.share is not None:
            check_variance_share(self.share)
        _check_looks_at_nothing(self.of)

    @property
    def traits(self) -> Traits:
        return replace(self.of.traits, usual_mix=None)

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        check_fits(self.of, grid, num_masked)

    def score(self, scene: Scene) -> Tensor:
        return self.of.score(scene)


def check_variance_share(share: Any) -> None:
    """Raise MaskwrightError unless a schedule stays inside (0, 1), whatever it draws."""
    schedule = parse_schedule(share)
    # a hundred moments, because a cosine or steps may leave the range between its ends
    values = [schedule.at(step / 100, draw) for step in range(101) for draw in (0.0, 1.0)]
    if not (min(values) > 0 and max(values) < 1):
        raise MaskwrightError(
            f"{OWNER} hides a share of the variance between 0 and 1; got {schedule}."
        )


def components_of(policy: Policy) -> ComponentsPolicy | None:
    """The policy itself where it hides components, None where it hides patches.

    Raises MaskwrightError where components are a part of another policy: what hides patches and
    what hides components cannot share a mask.
    """
    if isinstance(policy, ComponentsPolicy):
        return policy
    if any(isinstance(leaf, ComponentsPolicy) for leaf in leaves(policy)):
        raise MaskwrightError(
            f"{OWNER} hides no patches, so it cannot be a part of another policy; write it alone,"
            " with what scores its ids inside: components(of=block(size=2))."
        )
    return None


def _check_looks_at_nothing(of: Any) -> None:
    """Refuse a policy that looks at pictures or learns: ids of a basis are no places."""
    if not isinstance(of, Policy):
        near = did_you_mean(str(of), ("random", "block", "grid"))
        raise MaskwrightError(f"{OWNER} needs a policy for `of`, such as random; got {of}.{near}")
    learns = any(isinstance(leaf, PolicySettings) for leaf in leaves(of))
    if learns or of.traits.needs or components_of(of) is not None:
        raise MaskwrightError(
            f"{OWNER} takes a policy that looks at the grid alone and learns nothing, such as"
            f" random or block(size=2); got of={of}."
        )
