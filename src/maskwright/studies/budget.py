"""Matched compute: what a training step of each arm costs in every currency, and how many steps a
budget buys.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from maskwright.masking.learner import flops_of
from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_step
from maskwright.patches import visible_count
from maskwright.studies.record import CURRENCIES, Compute
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.training.clock import Clock
from maskwright.training.module import PretrainModule
from maskwright.workflows.building.module import build_module
from maskwright.workflows.loading.batches import build_clock
from maskwright.workflows.loading.pictures import Pictures, eval_batch
from maskwright.workflows.runs.compute_cost import loss_flops
from maskwright.workflows.settings.choices import effective_batch
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

_MOMENTS = 33
_DRAWS = 16
_PICTURES = 2


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
        """Read `flops=1e13` or {flops: 1e13}."""
        pairs = dict([value.split("=", 1)]) if isinstance(value, str) and "=" in value else value
        if not isinstance(pairs, Mapping) or len(pairs) != 1:
            raise MaskwrightError(
                "A budget is one currency and an amount, such as steps=1000 or flops=1e13; got"
                f" '{value}'."
            )
        (currency, amount), *_ = pairs.items()
        try:
            if isinstance(amount, bool):  # float(True) is 1.0
                raise TypeError(amount)
            return cls(str(currency).strip(), float(amount))
        except (TypeError, ValueError) as error:
            if isinstance(error, MaskwrightError):
                raise
            raise MaskwrightError(
                f"The amount of a budget is a number; got {currency}={amount}."
            ) from error

    def __str__(self) -> str:
        return f"{self.amount:g} {self.currency}"

    def to_dict(self) -> dict[str, Any]:
        return {"currency": self.currency, "amount": self.amount}


@dataclass(frozen=True)
class StepPrice:
    """The mean cost of one optimizer step over a training, which a schedule of ratios or of
    mixtures makes different from any one step.
    """

    images: float
    encoder_tokens: float
    decoder_tokens: float
    teacher_tokens: float
    flops: float

    def times(self, steps: int) -> Compute:
        """What that many steps cost."""
        return Compute(
            steps=steps,
            images=round(steps * self.images),
            encoder_tokens=round(steps * self.encoder_tokens),
            decoder_tokens=round(steps * self.decoder_tokens),
            teacher_tokens=round(steps * self.teacher_tokens),
            flops=steps * self.flops,
        )

    def steps_for(self, budget: Budget) -> int | None:
        """How many steps a budget buys, to the nearest; None for minutes, which only
        running tells.
        """
        if budget.currency == "minutes":
            return None
        each = self.times(1_000_000).amount(budget.currency)
        assert each is not None
        return max(1, round(1_000_000 * budget.amount / each))


def price_step(settings: PretrainSettings, pictures: Pictures) -> StepPrice:
    """Price a step of complete settings by drawing masks as the training will, at moments spread
    over it.
    """
    module = build_module(settings, pictures.scale, Clock(None), {}, len(pictures.train))
    rows = [
        _price_moment(module, pictures, (moment + 0.5) / _MOMENTS, moment)
        for moment in range(_MOMENTS)
    ]
    encoder, decoder, teacher, flops = torch.tensor(rows, dtype=torch.float64).mean(0).tolist()
    policy = flops_of(module.masker.learners)
    batches = max(1, len(pictures.train) // (settings.train.batch_size or 1))
    steps = math.ceil(
        batches / settings.train.accumulate
    )  # of an epoch; the last one may have fewer batches
    images = effective_batch(settings) * batches / (settings.train.accumulate * steps)
    return StepPrice(
        images,
        images * encoder,
        images * decoder,
        images * teacher,
        images * (flops + policy + loss_flops(module)),
    )


def decoded_tokens(config: ModelConfig, predicted: float, images: float) -> float:
    """Tokens that went through the decoder: the whole grid in a full one, the predicted patches in
    a cross one.
    """
    if config.decoder == "cross":
        return predicted
    patches = (config.image_size[0] // config.patch_size) * (
        config.image_size[1] // config.patch_size
    )
    return images * (patches + config.num_prefix)


def spent(status: Mapping[str, Any], settings: PretrainSettings, config: ModelConfig) -> Compute:
    """What a run has spent, from its run.json."""
    images = int(status["images"])
    return Compute(
        steps=int(status["step"]),
        images=images,
        encoder_tokens=int(status["encoder_tokens"]),
        decoder_tokens=round(decoded_tokens(config, status["decoder_tokens"], images)),
        teacher_tokens=int(status.get("teacher_tokens", 0)),
        flops=float(status["training_flops"]),
        seconds=float(status["seconds"]),
    )


def planned(
    settings: PretrainSettings, pictures: Pictures, price: StepPrice, budget: Budget | None
) -> tuple[dict[str, Any], Compute]:
    """The length of an arm's training, as settings, and what it will cost; minutes are priced as
    they come.
    """
    if budget is None:
        steps = build_clock(
            settings, len(pictures.train) // (settings.train.batch_size or 1)
        ).total_steps
        return {}, price.times(steps or 0)
    steps = price.steps_for(budget)
    if steps is None:
        return {"minutes": budget.amount}, price.times(0)
    return {"steps": steps}, price.times(steps)


def format_compute(plans: Mapping[str, Compute]) -> tuple[Sequence[str], list[list[str]]]:
    """Headings and rows of all currencies per arm."""
    headings = (
        "arm",
        "steps",
        "images",
        "encoder tokens",
        "decoder tokens",
        "teacher tokens",
        "FLOPs",
    )
    return headings, [[name, *_cells(compute)] for name, compute in plans.items()]


def _cells(compute: Compute) -> list[str]:
    if not compute.steps:
        return ["by the clock"] + ["" for _ in range(5)]
    counts = (
        compute.steps,
        compute.images,
        compute.encoder_tokens,
        compute.decoder_tokens,
        compute.teacher_tokens,
    )
    return [*(f"{count:,}" for count in counts), f"{compute.flops or 0:.4g}"]


def _price_moment(
    module: PretrainModule, pictures: Pictures, progress: float, step: int
) -> tuple[float, float, float, float]:
    """Encoder tokens, decoder tokens, teacher tokens and operations per image at one moment of a
    training.
    """
    masker, config, grid = module.masker, module.model.config, module.model.grid
    maps = module.map_names
    shown = module.show(
        eval_batch(pictures.train, pictures.size, _PICTURES, maps, (grid.rows, grid.cols))
    )
    before, rows = dict(masker.spent), len(shown.images)
    mask = masker.draw(masker.scene(shown, epoch=0, step=step, progress=progress))
    teacher, policy = (
        (masker.spent[name] - before[name]) / rows for name in ("teacher_tokens", "policy_flops")
    )
    share = mask.predicted_ids.shape[1] / max(1, mask.num_masked)
    draws = {masker.ratio.at(progress, (draw + 0.5) / _DRAWS) for draw in range(_DRAWS)}
    costs = []
    for ratio in sorted(draws):
        visible = visible_count(grid.num_patches, ratio)
        predicted = (
            max(1, round(share * (grid.num_patches - visible)))
            + visible * module.objective.needs.visible
        )
        tokens = visible + config.num_prefix
        costs.append(
            (
                tokens,
                decoded_tokens(config, predicted, 1),
                count_step(config, visible, predicted).training,
            )
        )
    encoder, decoder, flops = (sum(column) / len(costs) for column in zip(*costs, strict=True))
    return encoder, decoder, teacher, flops + policy
