"""Fine-tuning as a probe: it says what the weights are worth as a start."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

from maskwright.workflows.finetuning.data import build_finetune_data
from maskwright.workflows.finetuning.fit import measure_finetune
from maskwright.workflows.measuring.probe_context import ProbeContext
from maskwright.workflows.settings.finetune_settings import FinetuneSettings


@dataclass(frozen=True, kw_only=True)
class FinetuneProbe:
    """The recipe of `maskwright finetune` with its defaults but for these.

    Random weights are trained from scratch.

    Formula: rate of block b = rate * layer_decay^(depth - b)
    Source: He et al. 2022 (MAE); Bao et al. 2022 (BEiT).

    epochs: 0 takes as many as show 150,000 pictures, 10 to 100.
    base_lr: for 256 pictures.
    layer_decay: rate of a block over the one above.
    mixup: strength of mixing two pictures; 0 mixes none.
    cutmix: strength of pasting a part of another picture; 0 pastes none.
    """

    epochs: float = 0
    base_lr: float = 2e-3
    layer_decay: float = 0.75
    mixup: float = 0.8
    cutmix: float = 1.0
    needs_encoder: ClassVar[bool] = True
    looks_at: ClassVar[str] = "all weights, fine-tuned"
    task: ClassVar[str] = "classes"

    def __post_init__(self) -> None:
        # Building the settings checks every value before anything is loaded.
        self._settings()

    def measure(self, context: ProbeContext) -> dict[str, Any]:
        """Train a classifier on train, then answer the test pictures once."""
        # A copy, because the probes that follow measure the frozen weights.
        loaded = copy.deepcopy(context.encoder)
        subject = context.subject
        data = build_finetune_data(context.train, self._settings(), subject.seed, subject.device)
        return measure_finetune(loaded, data, context.test, context.reporter)

    def _settings(self) -> FinetuneSettings:
        return FinetuneSettings(
            epochs=self.epochs or None,
            base_lr=self.base_lr,
            layer_decay=self.layer_decay,
            mixup=self.mixup,
            cutmix=self.cutmix,
        )
