"""What a training has spent, counted and spelled."""

from __future__ import annotations

import math

import torch
from torch.utils.flop_counter import FlopCounterMode

from maskwright.losses.perceptual import PerceptualError
from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_step
from maskwright.training.module import PretrainModule


def spell_count(count: int) -> str:
    """Spell a count of weights: 4.4M, 86k."""
    return f"{count / 1e6:.1f}M" if count >= 1e6 else f"{count / 1e3:.0f}k"


def training_flops(module: PretrainModule) -> int:
    """Operations spent so far: images times the analytic cost of their mean numbers of patches, and what policy and loss cost besides."""
    images = max(1, module.counts["images"])
    visible = module.counts["encoder_tokens"] / images - module.model.config.num_prefix
    cost = mean_training_cost(
        module.model.config, visible, module.counts["decoder_tokens"] / images
    )
    return round((cost + loss_flops(module)) * images) + module.counts["policy_flops"]


def mean_training_cost(config: ModelConfig, visible: float, predicted: float) -> float:
    """Operations per image for mean numbers of patches, which a schedule of ratios leaves between whole ones: a straight line there."""
    low = math.floor(visible)
    share = visible - low
    ends = [
        count_step(config, low + more, round(predicted - more + share)).training for more in (0, 1)
    ]
    return (1 - share) * ends[0] + share * ends[1]


def loss_flops(module: PretrainModule) -> int:
    """Operations per image of the frozen networks that losses look through, counted on one blank picture.

    Two pictures go forward, and the way back to the pixels of one costs about as much as a third.
    """
    total = 0
    blank = torch.zeros(1, 3, *module.model.grid.image_size, device=module.device)
    for summand in module.objective.summands:
        if isinstance(summand.term, PerceptualError):
            summand.term.extractor.to(blank.device)
            with torch.no_grad(), FlopCounterMode(display=False) as counted:
                summand.term.extractor(blank)
            total += 3 * counted.get_total_flops()
    return total
