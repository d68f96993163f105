"""Print what a policy adds to a whole training step, and what it is charged for: PYTHONPATH=src
python bench/policy_cost.py.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import Tensor

from maskwright.data.loader import Batch
from maskwright.losses.objective import build_objective
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_step
from maskwright.patches import PixelScale
from maskwright.schedules import Constant
from maskwright.support.environment import describe_device
from maskwright.support.seeding import torch_generator
from maskwright.training.masker import Masker, MaskerSettings
from maskwright.training.module import patch_errors
from maskwright.training.optimizer import build_optimizer
from maskwright.training.shown import Shown
from maskwright.workflows.building.module import build_own_teacher, initialized_policy
from maskwright.workflows.building.policies import build_checked_policy

CONFIG = ModelConfig(
    image_size=(96, 96),
    patch_size=12,
    width=192,
    depth=8,
    heads=6,
    decoder_width=128,
    decoder_depth=4,
    decoder_heads=4,
)
BATCH, PICTURES = 64, 5000
PARTS = ("face", "eyes", "mouth")
POLICIES = (
    "random",
    "block(size=2)",
    "rectangles",
    "red",
    "foreground",
    "parts",
    "guided(source='prior')",
    "hard",
    "guided",
    "guided(refresh=10, temperature=1.0)",
    "predicted_hard",
    "adversarial",
    "adaptive",
)


def build_batch() -> Batch:
    """Random pictures with random maps."""
    rng = torch_generator(0, "bench")
    images = torch.randint(0, 256, (BATCH, 3, *CONFIG.image_size), dtype=torch.uint8, generator=rng)
    names = ("foreground", "attention", *(f"parts/{part}" for part in PARTS))
    priors = {name: torch.rand(BATCH, 64, generator=rng) / 3 for name in names}
    views = torch.tensor([0.1, 0.1, 0.8, 0.8, 0.0]).expand(BATCH, -1)
    return Batch(images, torch.randperm(PICTURES, generator=rng)[:BATCH], None, priors, views)


class Step:
    """One policy's training step on a fixed batch."""

    def __init__(self, line: str, batch: Batch) -> None:
        self.model = MaskedAutoencoder(CONFIG, torch_generator(0, "weights"))
        scale = PixelScale((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
        policy = initialized_policy(
            build_checked_policy(line, self.model.grid, Constant(0.75)),
            self.model.grid,
            3,
            0,
            PICTURES,
        )
        self.masker = Masker(
            policy,
            MaskerSettings(ratio=Constant(0.75), seed=0),
            self.model.grid,
            scale,
            build_own_teacher(policy, self.model),
        )
        self.objective, self.optimizer = (
            build_objective("mse"),
            build_optimizer([self.model, self.masker.learners], weight_decay=0.05, beta2=0.95),
        )
        self.shown = Shown(
            images=scale.to_model(batch.images),
            sample_ids=batch.sample_ids,
            mask_ids=None,
            priors=batch.priors,
            views=batch.views,
        )
        self.steps = 0

    def run(self) -> float:
        """Take one step; returns seconds."""
        started = time.perf_counter()
        self.masker.follow(self.model.encoder, self.steps)
        with torch.autocast("cpu", torch.bfloat16):
            scene = self.masker.scene(self.shown, epoch=0, step=self.steps, progress=0.5)
            mask = self.masker.draw(scene)
            prediction = self.model(self.shown.images, mask, self.masker.weights(scene, mask))
            loss = self.objective(prediction, self.shown.images, 0.5).total
            own = (
                self.masker.learn(scene, mask, patch_errors(prediction), _alone)
                if len(self.masker.learners)
                else None
            )
        self.optimizer.zero_grad(set_to_none=True)
        (loss if own is None else loss + own).backward()
        self.optimizer.step()
        self.steps += 1
        return time.perf_counter() - started

    def charged(self) -> float:
        """Operations that the policy was charged, as a multiple of the model's own."""
        own = count_step(CONFIG, 16, 48).training * BATCH * self.steps
        return 1 + self.masker.spent["policy_flops"] / own


def _alone(rows: Tensor) -> Tensor:
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    batch = build_batch()
    steps = {line: Step(line, batch) for line in POLICIES}
    times: dict[str, list[float]] = {line: [] for line in POLICIES}
    for turn in range(given.rounds + 2):
        for line, step in steps.items():
            seconds = step.run()
            if turn >= 2:
                times[line].append(seconds)
    print(
        f"{describe_device(torch.device('cpu'))}, {given.threads} threads, torch"
        f" {torch.__version__}; 96 px, patch 12, batch {BATCH}, bf16"
    )
    print(f"{'policy':40}{'step, ms':>10}{'against random':>28}{'operations':>12}")
    for line in POLICIES:
        ratios = [mine / base for mine, base in zip(times[line], times["random"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{line:40}{statistics.median(times[line]) * 1000:10.0f}{middle:12.2f} [{low:.2f},"
            f" {high:.2f}]{steps[line].charged():16.2f}"
        )


if __name__ == "__main__":
    main()
