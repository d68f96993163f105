"""Encoders whose attention guides policies, opened by name."""

from __future__ import annotations

import torch

from maskwright.masking.policy import Policy
from maskwright.support.errors import MaskwrightError
from maskwright.training.masker import OWN
from maskwright.training.teachers import Teacher
from maskwright.workflows.runs.locate import load_any_encoder


def open_teacher(source: str, device: torch.device | str = "cpu") -> Teacher:
    """Open an encoder as a teacher.

    source: a run, a weight file of any known format, or a name such as timm:NAME.

    Raises MaskwrightError when there is none.
    """
    loaded = load_any_encoder(source)
    return Teacher(loaded.model.encoder.to(device), loaded.model.config, loaded.scale)


def open_teachers(policy: Policy) -> dict[str, Teacher]:
    """Open every encoder other than the run's own that a policy is guided by."""
    # The run's own encoder has no weights before the run; see `build_own_teacher`.
    return {
        source: open_teacher(source)
        for source in policy.traits.needed("attention")
        if source != OWN
    }


def refuse_own(policy: Policy) -> None:
    """Raise MaskwrightError when a policy asks for a run's own attention and there is no run."""
    if OWN in policy.traits.needed("attention"):
        raise MaskwrightError(
            "guided(source='self') asks for the attention of the model in training, and there is"
            " none here; use source='RUN' with a trained run or checkpoint, or source='prior' with"
            " a prepared store."
        )
