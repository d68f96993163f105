"""Fine-tuning as a probe: all weights of a copy of the encoder are trained, so it says what the
weights are worth as a start.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

from maskwright.workflows.finetuning.fit import measure_finetune
from maskwright.workflows.measuring.bench import Bench
from maskwright.workflows.settings.finetune_settings import FinetuneSettings


@dataclass(frozen=True, kw_only=True)
class FinetuneProbe:
    """The recipe of `maskwright finetune` with its defaults but for these; beside random weights it
    is training from scratch.

    epochs: 0 takes as many as show 150,000 pictures, 10 to 100.
    base_lr: for 256 pictures.
    layer_decay: rate of a block over the one above.
    """

    epochs: float = 0
    base_lr: float = 2e-3
    layer_decay: float = 0.75
    mixup: float = 0.8
    cutmix: float = 1.0
    needs_encoder: ClassVar[bool] = True
    looks_at: ClassVar[str] = "all weights, fine-tuned"

    def __post_init__(self) -> None:
        self._settings()

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Train a classifier on train, then answer the test pictures once."""
        loaded = copy.deepcopy(bench.encoder)
        return measure_finetune(
            loaded,
            bench.train,
            bench.test,
            self._settings(),
            seed=bench.seed,
            device=bench.device,
            reporter=bench.reporter,
        )

    def _settings(self) -> FinetuneSettings:
        return FinetuneSettings(
            epochs=self.epochs or None,
            base_lr=self.base_lr,
            layer_decay=self.layer_decay,
            mixup=self.mixup,
            cutmix=self.cutmix,
        )
