"""Part: what policies cost beside random masks, steps taken in turns."""

from __future__ import annotations

import statistics
from typing import Any

from maskwright.models.config import ModelConfig
from part import Part, open_part
from peers_and_ours import Shape
from policy_cost import BenchShape, PolicyStep, build_batch
from timing import time_once

POLICIES = (
    "random",
    "block(size=2)",
    "guided",
    "guided(refresh=10)",
    "hard",
    "predicted_hard",
    "adversarial",
)
PICTURES = 5000


def bench_shape(shape: Shape) -> BenchShape:
    config = ModelConfig(
        image_size=(shape.image, shape.image),
        patch_size=shape.patch,
        width=shape.width,
        depth=shape.depth,
        heads=shape.heads,
        decoder_width=shape.decoder_width,
        decoder_depth=shape.decoder_depth,
        decoder_heads=shape.decoder_heads,
    )
    return BenchShape(config, shape.batch, PICTURES)


def measure(part: Part) -> dict[str, Any]:
    """Milliseconds of each policy's step, and its ratio to the random one in the same round."""
    shape = bench_shape(part.sizes.policy_shape)
    batch = build_batch(shape)
    steps = {line: PolicyStep(line, batch, shape, part.sizes.place) for line in POLICIES}
    seconds: dict[str, list[float]] = {line: [] for line in POLICIES}
    for turn in range(part.sizes.rounds + 2):
        for line, step in steps.items():
            spent = time_once(step.run, part.sizes)
            if turn > 1:
                seconds[line].append(spent)
    return {
        line: {
            "milliseconds": round(1000 * statistics.median(times), 3),
            "over_random": round(
                statistics.median(
                    mine / base for mine, base in zip(times, seconds["random"], strict=True)
                ),
                3,
            ),
            "operations_over_random": round(steps[line].charged(), 3),
        }
        for line, times in seconds.items()
    }


def main() -> None:
    part = open_part()
    part.attempt("policies", lambda: measure(part))
    part.keep("complete", True)


if __name__ == "__main__":
    main()
