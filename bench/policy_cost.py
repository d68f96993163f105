"""Print what a policy adds to a whole training step, and what it is charged for: PYTHONPATH=src
python bench/policy_cost.py.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass

import torch

from maskwright.data.loader import Batch
from maskwright.losses.objective import build_objective
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_step
from maskwright.patches import PixelScale, visible_count
from maskwright.schedules import Constant
from maskwright.support.environment import describe_device
from maskwright.support.on_device import move_batch
from maskwright.support.seeding import torch_generator
from maskwright.training.masker import Masker, MaskerSettings
from maskwright.training.module import patch_errors
from maskwright.training.optimizer import build_optimizer
from maskwright.training.shown import Shown
from maskwright.workflows.building.module import build_own_teacher, initialized_policy
from maskwright.workflows.building.policies import build_checked_policy
from peers_and_ours import CPU, Place

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


@dataclass(frozen=True)
class BenchShape:
    """The model under which policies are compared, pictures of a step, and of the data."""

    config: ModelConfig = CONFIG
    batch: int = BATCH
    pictures: int = PICTURES

    @property
    def num_patches(self) -> int:
        height, width = self.config.image_size
        return height * width // self.config.patch_size**2


def build_batch(shape: BenchShape = BenchShape()) -> Batch:
    """Random pictures with random maps."""
    rng, count = torch_generator(0, "bench"), shape.num_patches
    size = (shape.batch, 3, *shape.config.image_size)
    images = torch.randint(0, 256, size, dtype=torch.uint8, generator=rng)
    names = ("foreground", "attention", *(f"parts/{part}" for part in PARTS))
    priors = {name: torch.rand(shape.batch, count, generator=rng) / 3 for name in names}
    views = torch.tensor([0.1, 0.1, 0.8, 0.8, 0.0]).expand(shape.batch, -1)
    ids = torch.randperm(shape.pictures, generator=rng)[: shape.batch]
    return Batch(images, ids, None, priors, views)


class PolicyStep:
    """One policy's training step on a fixed batch."""

    def __init__(
        self, line: str, batch: Batch, shape: BenchShape = BenchShape(), place: Place = CPU
    ) -> None:
        self.shape, self.place = shape, place
        self.model = MaskedAutoencoder(shape.config, torch_generator(0, "weights"))
        scale = PixelScale((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
        policy = initialized_policy(
            build_checked_policy(line, self.model.grid, Constant(0.75)),
            self.model.grid,
            3,
            0,
            shape.pictures,
        )
        self.masker = Masker(
            policy,
            MaskerSettings(ratio=Constant(0.75), seed=0),
            self.model.grid,
            scale,
            build_own_teacher(policy, self.model),
        )
        self.model.to(place.device)
        self.masker.to(place.device)
        self.objective, self.optimizer = (
            build_objective("mse"),
            build_optimizer([self.model, self.masker.learners], weight_decay=0.05, beta2=0.95),
        )
        batch = move_batch(batch, place.device)
        self.shown = Shown(
            images=scale.to_model(batch.images),
            sample_ids=batch.sample_ids,
            mask_ids=None,
            priors=batch.priors,
            views=batch.views,
        )
        self.steps = 0

    def run(self) -> None:
        """Take one step, as a training does, and let the policy remember it."""
        self.masker.follow(self.model.encoder, self.steps)
        with self.place.forward_context():
            scene = self.masker.scene(self.shown, epoch=0, step=self.steps, progress=0.5)
            mask = self.masker.draw(scene)
            prediction = self.model(self.shown.images, mask, self.masker.weights(scene, mask))
            loss = self.objective(prediction, self.shown.images, 0.5).total
            own = (
                self.masker.learn(scene, mask, patch_errors(prediction))
                if len(self.masker.learners)
                else None
            )
        self.optimizer.zero_grad(set_to_none=True)
        (loss if own is None else loss + own).backward()
        self.optimizer.step()
        self.masker.after_step(True)
        self.steps += 1

    def seconds(self) -> float:
        """Take one step and time it."""
        started = time.perf_counter()
        self.run()
        self.place.wait()
        return time.perf_counter() - started

    def charged(self) -> float:
        """Operations that the policy was charged, as a multiple of the model's own."""
        count = self.shape.num_patches
        visible = visible_count(count, 0.75)
        own = count_step(self.shape.config, visible, count - visible).training
        return 1 + self.masker.spent["policy_flops"] / (own * self.shape.batch * self.steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    batch = build_batch()
    steps = {line: PolicyStep(line, batch) for line in POLICIES}
    times: dict[str, list[float]] = {line: [] for line in POLICIES}
    for turn in range(given.rounds + 2):
        for line, step in steps.items():
            seconds = step.seconds()
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
