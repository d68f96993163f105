"""What a training has spent, counted and spelled."""

from __future__ import annotations

from maskwright.models.cost import count_step
from maskwright.training.module import PretrainModule


def spell_count(count: int) -> str:
    """Spell a count of weights: 4.4M, 86k."""
    return f"{count / 1e6:.1f}M" if count >= 1e6 else f"{count / 1e3:.0f}k"


def training_flops(module: PretrainModule) -> int:
    """Operations spent so far: images times the analytic cost of their mean numbers of visible and predicted patches, and the policy's."""
    images = max(1, module.counts["images"])
    visible = module.counts["encoder_tokens"] / images - module.model.config.num_prefix
    cost = count_step(module.model.config, round(visible), round(module.counts["decoder_tokens"] / images))
    return cost.training * images + module.counts["policy_flops"]
