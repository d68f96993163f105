"""Time an optimizer step of Muon here against torch.optim.Muon, and a whole training step with
each, interleaved in one process.

python bench/muon_step.py [--rounds 20] [--models vit_nano stl10_192x8] [--side 32] [--patch 4]
[--batch 128] Both scale as AdamW (`match_rms_adamw`) and leave the rest to AdamW; torch walks the
matrices one by one and takes q, k and v as one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.sizes import SIZES
from maskwright.support.environment import keep_freed_memory, versions
from maskwright.support.seeding import torch_generator
from maskwright.training.muon import build_muon, count_parts
from maskwright.training.optimizer import build_optimizer

RATE, DECAY = 1e-4, 0.05


def build_model(options: argparse.Namespace, name: str) -> MaskedAutoencoder:
    size = SIZES[name]
    sides = ("width", "depth", "heads", "decoder_width", "decoder_depth", "decoder_heads")
    config = ModelConfig(
        image_size=(options.side, options.side),
        patch_size=options.patch,
        decoder="cross",
        **{side: getattr(size, side) for side in sides},
    )
    return MaskedAutoencoder(config)


def ours(model: nn.Module) -> Callable[[], None]:
    optimizer = build_muon(model, nn.ModuleList(), weight_decay=DECAY, beta2=0.95)
    for group in optimizer.param_groups:
        group["lr"] = RATE
    return optimizer.step


def torchs(model: nn.Module) -> Callable[[], None]:
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (matrices if count_parts(name, parameter) else rest).append(parameter)
    muon = torch.optim.Muon(matrices, lr=RATE, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(rest, lr=RATE, weight_decay=DECAY, betas=(0.9, 0.95), fused=True)

    def step() -> None:
        muon.step()
        adamw.step()

    return step


def adamw(model: nn.Module) -> Callable[[], None]:
    optimizer = build_optimizer([model], weight_decay=DECAY, beta2=0.95)
    for group in optimizer.param_groups:
        group["lr"] = RATE
    return optimizer.step


ARMS = {"ours": ours, "torch.optim.Muon": torchs, "AdamW": adamw}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--models", nargs="+", default=["vit_nano", "stl10_192x8"])
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--patch", type=int, default=4)
    options = parser.parse_args()
    keep_freed_memory()
    load = os.getloadavg()[0]
    print(f"{versions()} threads {torch.get_num_threads()} load {load:.1f} {vars(options)}")
    for name in options.models:
        measure(options, name)


def measure(options: argparse.Namespace, name: str) -> None:
    """Print CPU and wall milliseconds of one optimizer step of each arm, and the ratios of the same
    round.
    """
    steps = {}
    for arm, build in ARMS.items():
        model = build_model(options, name)
        rng = torch_generator(0, "gradients")
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=rng)
        steps[arm] = build(model)
    spent: dict[str, list[float]] = {arm: [] for arm in steps}
    for turn in range(options.rounds + 2):
        for arm, step in steps.items():
            start = time.process_time()
            step()
            if turn > 1:
                spent[arm].append(1e3 * (time.process_time() - start))
    for arm, times in spent.items():
        shares = [
            mine / other for mine, other in zip(times, spent["torch.optim.Muon"], strict=True)
        ]
        low, middle, high = statistics.quantiles(shares, n=4)
        print(
            f"{name:12} {arm:18} {statistics.median(times):7.1f} ms of CPU time, "
            f"{middle:.2f} [{low:.2f}, {high:.2f}] of torch.optim.Muon"
        )


if __name__ == "__main__":
    main()
