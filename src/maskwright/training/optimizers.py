"""Every optimizer by name: where it is built, and the rule for its learning rate.

This file does without torch, so that help and early mistakes come at once. A new optimizer is a
file with a builder like `build_adamw`, a line here and a test.
"""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.support.catalog import Entry
from maskwright.support.errors import unknown_name

# Base rates are for that many pictures, as He et al. (2022) state them.
RATE_BATCH = 256


@dataclass(frozen=True)
class OptimizerEntry(Entry):
    """One optimizer: `module:builder`, a summary, and how its rate follows the batch.

    base_lr: the rate for 256 pictures where the person gives none.
    batch_power: the rate grows with (batch / 256) to this power.
    """

    base_lr: float
    batch_power: float

    def rate(self, batch: int, base_lr: float | None = None) -> float:
        """The learning rate for that many pictures a step.

        base_lr: the person's own, for 256 pictures.
        """
        base = self.base_lr if base_lr is None else base_lr
        return base * (batch / RATE_BATCH) ** self.batch_power

    def format_rate(self, batch: int, base_lr: float | None = None) -> str:
        """The arithmetic of `rate`, for people."""
        base = self.base_lr if base_lr is None else base_lr
        share = f"{batch} pictures / {RATE_BATCH}"
        factor = share if self.batch_power == 1 else f"({share})^{self.batch_power:g}"
        return f"{base:.1e} x {factor} = {self.rate(batch, base_lr):.1e}"


OPTIMIZERS: dict[str, OptimizerEntry] = {
    "adamw": OptimizerEntry(
        "maskwright.training.optimizer:build_adamw",
        "AdamW, betas 0.9 and 0.95, as masked autoencoders use it (He et al. 2022)",
        base_lr=1.5e-3,
        batch_power=1.0,
    ),
    # 8e-3 at 128 pictures was the best of three rates on CIFAR-10 (docs/log.md). That it grows with
    # the square root of the batch is not measured here: an update of Muon has a fixed size whatever
    # the gradient's, so what a larger batch changes is its noise alone, which falls with the root
    # (Malladi et al. 2022, for Adam).
    "muon": OptimizerEntry(
        "maskwright.training.muon:build_muon",
        "Muon for the matrices of transformer blocks, AdamW for the rest (Jordan et al. 2024)",
        base_lr=1.13e-2,
        batch_power=0.5,
    ),
}


def find_optimizer(name: str) -> OptimizerEntry:
    """The entry of that name; raises MaskwrightError with the nearest known one."""
    if name not in OPTIMIZERS:
        raise unknown_name("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]
