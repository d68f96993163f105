"""The masks of a training that hides parts of whole pictures instead of patches.

It stands where a `Masker` stands and has its verbs. The encoder sees every patch of pictures that
lack the hidden parts, and the loss compares the hidden parts alone (Bizeul et al. 2025).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from maskwright.components.basis import Basis, visible_picture
from maskwright.components.hide import hide_share
from maskwright.components.mask import ComponentMask
from maskwright.masking.components import ComponentsPolicy
from maskwright.masking.policy import Scene
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.encoder import Encoder
from maskwright.patches import Grid, PatchMask, PixelScale, Prediction, patchify, unpatchify
from maskwright.schedules import Schedule
from maskwright.support.seeding import sample_rng
from maskwright.training.group import ALONE, Group
from maskwright.training.masker import MaskerSettings, ratio_at
from maskwright.training.monitor import MaskMonitor
from maskwright.training.shown import Shown, picture_rng

# Projections of a picture in a step: what is seen, what was predicted, what is true, and the way
# back through the second.
_PROJECTIONS = 4


class ComponentMasker(nn.Module):
    """Draws which parts are hidden, and compares what was predicted in them.

    The basis is a submodule, so that every checkpoint holds it and a resumed run goes on in it.
    """

    def __init__(
        self,
        policy: ComponentsPolicy,
        settings: MaskerSettings,
        basis: Basis,
        grid: Grid,
        scale: PixelScale,
    ) -> None:
        """Take the parts as they are.

        basis: an nn.Module, not fitted yet where the run begins.
        grid: of the model's patches.
        """
        super().__init__()
        self.policy = policy
        self.settings = settings
        self.basis = basis
        self.grid = grid
        self.scale = scale
        # Nothing here learns, as `ComponentsPolicy` has made sure.
        self.learners = nn.ModuleList()
        self.monitor = MaskMonitor(basis.grid.num_patches)
        self.spent = {"teacher_tokens": 0, "policy_flops": 0}

    @property
    def ratio(self) -> Schedule:
        """Share of the variance that is hidden, over the training."""
        return self.settings.ratio

    def scene(
        self, shown: Shown, *, epoch: int, step: int, progress: float, ratio: float | None = None
    ) -> Scene:
        """What the policy sees of a training step: the ids of the basis and chance."""
        if ratio is None:
            ratio = ratio_at(self.settings, step, progress)
        return replace(
            component_scene(self.basis, ratio, shown.sample_ids, self.settings.seed, epoch),
            progress=progress,
            training=True,
            mask_ids=shown.mask_ids,
            picture_rng=picture_rng(self.settings.seed, shown, epoch),
        )

    def draw(self, scene: Scene) -> ComponentMask:
        """Hide parts as samples, epoch and seed decide."""
        mask = hide_components(self.policy, self.basis, scene, self.grid.num_patches)
        self.monitor.add(mask.is_hidden)
        self.spent["policy_flops"] += _PROJECTIONS * scene.batch_size * self.basis.flops()
        return mask

    def predict(
        self,
        model: MaskedAutoencoder,
        images: Tensor,
        mask: PatchMask,
        weights: Tensor | None = None,
        *,
        visible: bool = False,
    ) -> Prediction:
        """What the model makes of pictures without their hidden parts, compared in those alone.

        `values` and `truth` of the prediction are the hidden parts of the predicted and of the true
        picture, cut into patches, so every term that compares patches compares them.
        """
        assert isinstance(mask, ComponentMask)
        assert not visible, "what is seen has no patches of its own"
        with _exactly(images):
            seen = visible_picture(self.basis, images.float(), mask.is_hidden)
        whole = model(seen, mask.predict_all(), weights, visible=True)
        with _exactly(images):
            predicted = unpatchify(whole.seen_values().float(), self.grid)  # (B, C, H, W)
            centered = images.float() - self.basis.mean
            hidden = self.basis.part(predicted - self.basis.mean, mask.is_hidden)
            truth = self.basis.part(centered, mask.is_hidden)
        side = self.grid.patch_size
        return replace(
            whole,
            values=patchify(hidden, side),
            truth=patchify(truth, side),
            patches=patchify(images, side),
            mask=mask,
            visible_values=None,
        )

    def share_masked(self, mask: PatchMask) -> Tensor:
        """The mean share of the variance that a mask hides."""
        assert isinstance(mask, ComponentMask)
        return mask.hidden_shares.mean()

    def count_patches(self, ratio: float) -> tuple[int, int]:
        """How many patches are seen and predicted: all of them, whatever the ratio."""
        return self.grid.num_patches, self.grid.num_patches

    def weights(self, scene: Scene, mask: PatchMask) -> Tensor | None:
        """Nothing is learned through what is seen."""
        return None

    def learn(
        self, scene: Scene, mask: PatchMask, errors: Tensor, group: Group = ALONE
    ) -> Tensor | None:
        """Nothing learns."""
        return None

    def after_step(self, is_good: bool) -> None:
        """Nothing is remembered."""

    def take_spent(self) -> dict[str, int]:
        """What was spent since the last call; counting begins again at 0."""
        spent = dict(self.spent)
        self.spent = dict.fromkeys(spent, 0)
        return spent

    def follow(self, encoder: Encoder, step: int) -> None:
        """There is no teacher."""

    def restart(self, encoder: Encoder) -> None:
        """There is no teacher."""


def component_scene(
    basis: Basis,
    ratio: float,
    sample_ids: Tensor,
    seed: int,
    epoch: int,
    purpose: str = "mask",
) -> Scene:
    """What a policy sees where it scores the ids of a basis."""
    count = basis.grid.num_patches
    return Scene(
        grid=basis.grid,
        # For policies with quotas; how many really are hidden follows from their variances.
        num_masked=min(max(1, round(ratio * count)), count - 1),
        rng=sample_rng(seed, epoch, sample_ids, purpose),
        sample_ids=sample_ids,
        ratio=ratio,
    )


def hide_components(
    policy: ComponentsPolicy, basis: Basis, scene: Scene, num_patches: int
) -> ComponentMask:
    """Score the ids and hide them until their variances make up the scene's ratio."""
    assert scene.ratio is not None
    # streams of their own, as for patches: a policy that draws more moves no tie
    scores = scene.checked(policy.score(scene.forked("score")))
    is_hidden = hide_share(scores, basis.shares, scene.ratio, scene.rng.fork("split"))
    return ComponentMask.of_hidden(is_hidden, basis.shares, num_patches)


@contextmanager
def _exactly(images: Tensor) -> Iterator[None]:
    """Outside of autocast: weak components are small differences of large numbers."""
    with torch.autocast(images.device.type, enabled=False):
        yield
