"""The parts of a run that hides components: its basis, what is refused, and fixed masks."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from maskwright.components.basis import Basis, PictureShape
from maskwright.components.frequencies import FrequencyBands
from maskwright.components.mask import ComponentMask
from maskwright.components.principal import PrincipalComponents
from maskwright.losses.objective import needs_of
from maskwright.masking.components import (
    ComponentsPolicy,
    check_variance_share,
    components_of,
)
from maskwright.masking.policy import Policy, check_fits
from maskwright.support.errors import MaskwrightError
from maskwright.training.component_masker import component_scene, hide_components
from maskwright.workflows.building.mask_samples import MaskDraw
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

USUAL_COUNT = 256
USUAL_BANDS = 8
# Numbers of the pictures that principal components are fitted on, at most: 400 MB of float32.
FIT_VALUES = 100_000_000
FIT_PICTURES = 10_000


def build_basis(
    policy: ComponentsPolicy, shape: PictureShape, num_pictures: int, seed: int
) -> Basis:
    """The basis that a policy names, not fitted yet.

    num_pictures: how many are trained on.

    Raises MaskwrightError for more components than pictures allow.
    """
    if policy.basis == "dct":
        return FrequencyBands(shape, _num_bands(policy, shape))
    # Half of the pictures at most: beyond, components fit the chance of single pictures.
    most = min(fit_count(shape, num_pictures) // 2, shape.num_values - 1)
    count = policy.count or max(1, min(USUAL_COUNT, most))
    if count >= fit_count(shape, num_pictures):
        raise MaskwrightError(
            f"{count} principal components need more pictures than that to be fitted on; there are"
            f" {fit_count(shape, num_pictures):,}. Leave count out, or take components(basis=dct)."
        )
    return PrincipalComponents(shape, count, seed)


def restored_basis(
    policy: ComponentsPolicy, shape: PictureShape, state: Mapping[str, Tensor]
) -> Basis:
    """The basis that a training has fitted, from its part of a checkpoint."""
    basis: PrincipalComponents | FrequencyBands
    if policy.basis == "dct":
        basis = FrequencyBands(shape, _num_bands(policy, shape))
    else:
        # as many as were chosen when it was fitted, which followed from the pictures
        basis = PrincipalComponents(shape, len(state["directions"]))
    basis.load_state_dict(dict(state))
    return basis


def _num_bands(policy: ComponentsPolicy, shape: PictureShape) -> int:
    return policy.bands or min(USUAL_BANDS, shape.height, shape.width)


def fit_count(shape: PictureShape, num_pictures: int) -> int:
    """How many pictures a basis is fitted on."""
    return min(num_pictures, FIT_PICTURES, max(2, FIT_VALUES // shape.num_values))


def check_components(settings: PretrainSettings) -> None:
    """Refuse complete settings that mean nothing where components are hidden."""
    check_variance_share(settings.mask.ratio)
    target = settings.model.target
    if target != "raw":
        raise MaskwrightError(
            f"Components of whole pictures are compared as pixels, and the target is {target}; use"
            " --target raw, or leave it out."
        )
    if settings.mask.predict not in (None, 1.0):
        raise MaskwrightError(
            "Where components are hidden whole pictures are predicted, so --predict"
            f" {settings.mask.predict:g} has no meaning; leave it out."
        )
    if needs_of(settings.train.loss).visible:
        raise MaskwrightError(
            f"The loss '{settings.train.loss}' compares visible patches too, and where components"
            " are hidden no patch is masked; leave out visible=."
        )


def check_fit(policy: Policy, shape: PictureShape, num_pictures: int) -> None:
    """Refuse a policy that hides components whose basis these pictures cannot have."""
    components = components_of(policy)
    assert components is not None
    build_basis(components, shape, num_pictures, seed=0)


def check_basis(policy: ComponentsPolicy, basis: Basis, ratio: float) -> None:
    """Refuse a policy that does not suit the grid of a basis."""
    count = basis.grid.num_patches
    check_fits(policy, basis.grid, min(max(1, math.floor(ratio * count)), count - 1))


def hide_samples(
    policy: ComponentsPolicy, basis: Basis, sample_ids: Tensor, draw: MaskDraw, num_patches: int
) -> ComponentMask:
    """Hide parts of given samples (B,): the same draw always hides the same."""
    scene = component_scene(basis, draw.ratio, sample_ids, draw.seed, 0, draw.purpose)
    return hide_components(policy, basis, scene, num_patches)
