"""What a training step of an arm costs in every currency, and how many steps a budget buys."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from maskwright.masking.stateful import flops_of
from maskwright.models.cost import count_step
from maskwright.studies.budget import Budget, decoded_tokens
from maskwright.studies.record import Compute
from maskwright.training.clock import Clock
from maskwright.training.module import PretrainModule
from maskwright.workflows.building.module import build_module
from maskwright.workflows.loading.batches import build_clock
from maskwright.workflows.loading.pictures import Pictures, eval_batch
from maskwright.workflows.runs.compute_cost import loss_flops
from maskwright.workflows.settings.choices import effective_batch
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

_MOMENTS = 33
"""At how many moments of a training masks are drawn, because schedules change what they cost."""
_DRAWS = 16
"""How many ratios are looked at in each, for schedules that draw them by chance."""
_PICTURES = 2
"""Enough to draw masks of, since costs do not depend on what is in a picture."""


@dataclass(frozen=True)
class StepCost:
    """The mean cost of one optimizer step over a training.

    A schedule of ratios or of mixtures makes it different from the cost of any single step.

    images: pictures of a step.
    encoder_tokens, decoder_tokens, teacher_tokens: tokens that go through each part.
    flops: operations of forward, backward and teacher passes.
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
        """How many steps a budget buys, to the nearest; None for minutes."""
        # How many steps a minute has is known only when it has passed.
        if budget.currency == "minutes":
            return None
        # Counts are whole numbers; over a million steps the rounding does not matter.
        million = self.times(1_000_000).amount(budget.currency)
        assert million is not None
        return max(1, round(1_000_000 * budget.amount / million))


def cost_of_step(settings: PretrainSettings, pictures: Pictures) -> StepCost:
    """Price a step of complete settings by drawing masks as the training will.

    They are drawn at moments spread over the training.
    """
    module = build_module(settings, pictures.scale, Clock(None), {}, len(pictures.train))
    rows = []
    for moment in range(_MOMENTS):
        # The middle of each stretch, so that neither end of a schedule weighs more.
        image = _price_moment(module, pictures, (moment + 0.5) / _MOMENTS, moment)
        rows.append(list(vars(image).values()))
    # (moments, 4) -> (4,)
    image = _ImageCost(*torch.tensor(rows, dtype=torch.float64).mean(0).tolist())
    policy = flops_of(module.masker.learners)

    # An optimizer step takes several batches, and the last one of an epoch may take fewer.
    batches = max(1, len(pictures.train) // (settings.train.batch_size or 1))
    steps = math.ceil(batches / settings.train.accumulate)
    images = effective_batch(settings) * batches / (settings.train.accumulate * steps)
    return StepCost(
        images,
        images * image.encoder_tokens,
        images * image.decoder_tokens,
        images * image.teacher_tokens,
        images * (image.flops + policy + loss_flops(module) + module.target_flops()),
    )


def planned(
    settings: PretrainSettings, pictures: Pictures, price: StepCost, budget: Budget | None
) -> tuple[dict[str, Any], Compute]:
    """The length of an arm's training, as settings, and what it will cost."""
    if budget is None:
        # The arm is as long as its own settings say.
        batches = len(pictures.train) // (settings.train.batch_size or 1)
        return {}, price.times(build_clock(settings, batches).total_steps or 0)
    steps = price.steps_for(budget)
    if steps is None:
        return {"minutes": budget.amount}, price.times(0)
    return {"steps": steps}, price.times(steps)


@dataclass(frozen=True)
class _ImageCost:
    """What one picture costs at one moment of a training."""

    encoder_tokens: float
    decoder_tokens: float
    teacher_tokens: float
    flops: float


def _price_moment(
    module: PretrainModule, pictures: Pictures, progress: float, step: int
) -> _ImageCost:
    """What a picture costs at one moment of a training."""
    masker = module.masker
    config = module.model.config
    grid = module.model.grid
    needs = module.objective.needs

    # Draw masks once as the training does, and see what teachers and the policy spend on it.
    maps = sorted({*masker.policy.traits.needed("prior"), *needs.priors})
    batch = module.show(eval_batch(pictures.train, pictures.size, _PICTURES, maps, grid))
    before = dict(masker.spent)
    masker.draw(masker.scene(batch, epoch=0, step=step, progress=progress))
    spent_here = {name: masker.spent[name] - before[name] for name in before}
    teacher = spent_here["teacher_tokens"] / len(batch.images)
    policy = spent_here["policy_flops"] / len(batch.images)

    # Price the model at every ratio that may be drawn at this moment.
    ratios = {masker.ratio.at(progress, (draw + 0.5) / _DRAWS) for draw in range(_DRAWS)}
    costs = []
    for ratio in sorted(ratios):
        visible, predicted = masker.count_patches(ratio)
        # Some losses look at visible patches too, which are then predicted as well.
        predicted += visible * needs.visible
        decoded = decoded_tokens(config, predicted, 1)
        training = count_step(config, visible, predicted).training
        costs.append((visible + config.num_prefix, decoded, training))
    encoder, decoder, flops = (sum(column) / len(costs) for column in zip(*costs, strict=True))
    return _ImageCost(encoder, decoder, teacher, flops + policy)
