"""Matched compute: what every trial may spend, and what a run has spent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maskwright.models.config import ModelConfig
from maskwright.studies.record import CURRENCIES, Compute
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.plurals import count_of
from maskwright.workflows.settings.pretrain_settings import PretrainSettings


@dataclass(frozen=True)
class Budget:
    """What every trial may spend: an amount of one currency."""

    currency: str
    amount: float

    def __post_init__(self) -> None:
        if self.currency not in CURRENCIES:
            raise unknown_name("currency of a budget", self.currency, CURRENCIES)
        if not 0 < self.amount < math.inf:
            raise MaskwrightError(
                "A budget is more than nothing and not endless; got"
                f" {self.currency}={self.amount:g}."
            )

    @classmethod
    def parse(cls, value: Any) -> Budget:
        """Read `flops=1e13` or {flops: 1e13}; raises MaskwrightError for what is no budget."""
        pairs = dict([value.split("=", 1)]) if isinstance(value, str) and "=" in value else value
        if not isinstance(pairs, Mapping) or len(pairs) != 1:
            raise MaskwrightError(
                "A budget is one currency and an amount, such as steps=1000 or flops=1e13; got"
                f" '{value}'."
            )
        # A mapping of one key; what its amount is worth is checked below.
        (currency, amount), *_ = pairs.items()
        try:
            # float(True) is 1.0, but nobody means that.
            if isinstance(amount, bool):
                raise TypeError(amount)
            number = float(amount)
        except (TypeError, ValueError) as error:
            raise MaskwrightError(
                f"The amount of a budget is a number; got {currency}={amount}."
            ) from error
        return cls(str(currency).strip(), number)

    def __str__(self) -> str:
        return count_of(self.amount, self.currency.removesuffix("s"))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"currency": self.currency, "amount": self.amount}


def decoded_tokens(config: ModelConfig, predicted: float, images: float) -> float:
    """Tokens that went through the decoder.

    A cross decoder sees the predicted patches alone, a full one the whole grid.
    """
    if config.decoder == "cross":
        return predicted
    # The tokens of hidden patches are learned mask tokens, which cost as much as others.
    rows, cols = (side // config.patch_size for side in config.image_size)
    return images * (rows * cols + config.num_prefix)


def spent(status: Mapping[str, Any], settings: PretrainSettings, config: ModelConfig) -> Compute:
    """What a run has spent, from its run.json."""
    images = int(status["images"])
    # Counted by the run itself, step by step, and not computed from the plan.
    return Compute(
        steps=int(status["step"]),
        images=images,
        encoder_tokens=int(status["encoder_tokens"]),
        decoder_tokens=round(decoded_tokens(config, status["decoder_tokens"], images)),
        teacher_tokens=int(status.get("teacher_tokens", 0)),
        flops=float(status["training_flops"]),
        seconds=float(status["seconds"]),
    )


COMPUTE_HEAD = (
    "arm",
    "steps",
    "images",
    "encoder tokens",
    "decoder tokens",
    "teacher tokens",
    "FLOPs",
)
"""Headings over `compute_rows`."""


def compute_rows(plans: Mapping[str, Compute]) -> list[list[str]]:
    """One row per arm with what it costs in every currency."""
    return [[name, *_cells(compute)] for name, compute in plans.items()]


def _cells(compute: Compute) -> list[str]:
    # A study matched by minutes does not know its steps before it has run.
    if not compute.steps:
        return ["by the clock", *[""] * (len(COMPUTE_HEAD) - 2)]
    counts = (
        compute.steps,
        compute.images,
        compute.encoder_tokens,
        compute.decoder_tokens,
        compute.teacher_tokens,
    )
    return [*(f"{count:,}" for count in counts), f"{compute.flops or 0:.4g}"]
