"""Where the values of a features target come from: an average of the encoder, or another one."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from maskwright.models.block_features import last_block_features
from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_step
from maskwright.models.encoder import Encoder
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale, patchify
from maskwright.support.errors import MaskwrightError
from maskwright.targets.features import FeaturesTarget
from maskwright.training.teachers import Teacher

# A target whose deviation over the pictures of a batch is below this share of its root mean square
# says nearly the same of every picture.
LEAST_SPREAD = 0.1


class FeatureSource(Protocol):
    """Computes the values of a features target; an `nn.Module`, saved with the training."""

    def measure(self, images: Tensor) -> Tensor:
        """Values (B, N, T) for (B, C, H, W) images in the model's numbers, without a gradient."""
        ...

    def follow(self, encoder: Encoder, step: int, progress: float) -> None:
        """Hear how the trained encoder is before optimizer step `step`."""
        ...

    def restart(self, encoder: Encoder) -> None:
        """Begin from an encoder that has just got other weights."""
        ...

    def flops(self) -> int:
        """Operations for one image."""
        ...


class OwnFeatures(nn.Module):
    """Features of an exponential average of the trained encoder (data2vec, I-JEPA).

    It is part of the training's state, so that a resumed run goes on exactly.
    """

    def __init__(
        self, settings: FeaturesTarget, config: ModelConfig, grid: Grid, encoder: Encoder
    ) -> None:
        super().__init__()
        self.settings = settings
        self.config = config
        self.grid = grid
        self.encoder = Encoder(config, grid)
        self.encoder.requires_grad_(False)
        self._momentum = settings.momentum_schedule
        self._step = 0
        self.restart(encoder)

    def restart(self, encoder: Encoder) -> None:
        self.encoder.load_state_dict(encoder.state_dict())

    @torch.no_grad()
    def follow(self, encoder: Encoder, step: int, progress: float) -> None:
        """Move towards the encoder, once for each optimizer step."""
        passed = step - self._step
        if passed < 1:  # another batch of the same step
            return
        share = 1 - self._momentum.at(progress) ** passed
        pairs = zip(self.encoder.parameters(), encoder.parameters(), strict=True)
        for averaged, current in pairs:
            averaged.lerp_(current, share)
        self._step = step

    @torch.no_grad()
    def measure(self, images: Tensor) -> Tensor:
        patches = patchify(images, self.grid.patch_size)  # (B, N, P)
        count = self.settings.num_blocks(self.config.depth)
        return last_block_features(self.encoder, patches, count)

    def flops(self) -> int:
        return _flops(self.config, self.grid)

    def get_extra_state(self) -> dict[str, int]:
        return {"step": self._step}

    def set_extra_state(self, state: Any) -> None:
        self._step = int(state["step"])


class OtherFeatures(nn.Module):
    """Features of a frozen encoder that was trained elsewhere.

    Its weights are no part of the training's state, but their digest is: a resumed run refuses
    others.
    """

    def __init__(self, settings: FeaturesTarget, teacher: Teacher, scale: PixelScale) -> None:
        """Take the parts as they are.

        teacher: its patches are arranged as the trained model's are.
        scale: of the trained model's pixels.
        """
        super().__init__()
        self.settings = settings
        self.scale = scale
        # In a tuple, where torch does not see an encoder that belongs to somebody else.
        self._teacher = (teacher,)
        self._digest = _digest_of(teacher.encoder)

    def restart(self, encoder: Encoder) -> None:
        """Stay as it is."""

    def follow(self, encoder: Encoder, step: int, progress: float) -> None:
        """Stay as it is."""

    @torch.no_grad()
    def measure(self, images: Tensor) -> Tensor:
        (teacher,) = self._teacher
        patches = teacher.cut(self.scale.to_display(images))
        count = self.settings.num_blocks(teacher.config.depth)
        return last_block_features(teacher.encoder, patches, count)

    def flops(self) -> int:
        (teacher,) = self._teacher
        return _flops(teacher.config, teacher.grid)

    def get_extra_state(self) -> dict[str, str]:
        return {"digest": self._digest}

    def set_extra_state(self, state: Any) -> None:
        if state["digest"] != self._digest:
            raise MaskwrightError(
                f"The encoder '{self.settings.source}', whose features this run predicts, has other"
                " weights now than when the run began; bring the earlier ones back, or begin"
                " another run."
            )


def measure_spread(values_BNT: Tensor) -> Tensor:
    """How much a target differs between pictures at the same patch, as one number in [0, 1].

    It is the deviation over the batch over the root mean square. A collapsed target has none, also
    one that tells nothing but the place of a patch.
    """
    values = values_BNT.float()
    between = values.var(0, correction=0).mean()
    return (between / values.square().mean().clamp_min(1e-12)).sqrt()


def format_collapse(spread: float) -> str:
    """The warning for a target that has collapsed."""
    return (
        f"The features that are predicted are nearly the same for every picture: their deviation"
        f" over a batch is {spread:.3f} of their size, below {LEAST_SPREAD:g}. The encoder is"
        " collapsing; a momentum nearer to 1, a lower --lr, or --target normalized keeps it from"
        " that."
    )


def _flops(config: ModelConfig, grid: Grid) -> int:
    return count_step(config, grid.num_patches, 0).encoder


def _digest_of(encoder: nn.Module) -> str:
    """A digest of weights, the same for the same numbers on any device."""
    digest = hashlib.sha256()
    for name, value in encoder.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
