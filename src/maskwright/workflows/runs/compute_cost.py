"""What a training has spent, counted and in words."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from maskwright.losses.perceptual import PerceptualError
from maskwright.training.module import PretrainModule


def format_count(count: int) -> str:
    """A count of weights for people: 4.4M, 86k."""
    return f"{count / 1e6:.1f}M" if count >= 1e6 else f"{count / 1e3:.0f}k"


def training_flops(module: PretrainModule) -> int:
    """Operations that all processes have spent so far.

    They are the analytic cost of every step, and what policy, loss and target cost besides.
    """
    totals = module.totals()
    # Per image and step, so images say how often.
    looked_through = loss_flops(module) * totals["images"]
    of_target = totals.get("target_flops", 0)  # where a network computes the target
    return totals["model_flops"] + looked_through + totals["policy_flops"] + of_target


def loss_flops(module: PretrainModule) -> int:
    """Operations per image of the frozen networks that losses look through.

    They are counted on a blank picture.
    """
    total = 0
    # Perceptual networks take three channels, whatever the pictures have.
    blank = torch.zeros(1, 3, *module.model.grid.image_size, device=module.device)
    for summand in module.objective.summands:
        if isinstance(summand.term, PerceptualError):
            summand.term.extractor.to(blank.device)
            with torch.no_grad(), FlopCounterMode(display=False) as counted:
                summand.term.extractor(blank)
            # Prediction and image go forward, and the way back to the prediction's pixels costs
            # about as much as a third pass: frozen weights need no gradient.
            total += 3 * counted.get_total_flops()
    return total
