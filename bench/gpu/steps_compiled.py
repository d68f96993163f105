"""Part: the same steps compiled, at one batch size, beside the peer's as it comes.

Compiling takes most of the time, so what is asked for most comes first.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from part import Part, open_part
from peers_and_ours import Shape
from timing import build_timed, describe, measure_product, time_in_turns, with_batch


def compare(part: Part, shape: Shape, name: str, peak: float) -> dict[str, Any]:
    """One compiled step in turns with the peer's eager one."""
    place = part.sizes.place
    started = time.perf_counter()
    compiled = build_timed(name, shape, place, compiled=True)
    place.wait()
    seconds = time.perf_counter() - started
    steps = {"peer, eager": build_timed("peer", shape, place), name: compiled}
    time_in_turns(steps, part.sizes)
    rows = {key: describe(timed, shape, name, peak) for key, timed in steps.items()}
    both = [rows[key]["milliseconds"] for key in ("peer, eager", name)]
    return {
        **rows[name],
        "over_eager_peer": round(both[0] / both[1], 3),
        "seconds_to_compile": round(seconds, 1),
    }


def main() -> None:
    part = open_part()
    peak = measure_product(part.sizes)
    part.keep("peak_tflops", round(peak / 1e12, 2))
    # A batch that is large and still fits a card of 80 GB.
    batch = part.sizes.batches[len(part.sizes.batches) // 2]
    for step in ("full", "cross", "peer"):
        for name, shape in part.sizes.shapes.items():
            torch._dynamo.reset()
            sized = with_batch(shape, batch)
            part.attempt(
                f"{name} batch {batch} {step}",
                lambda sized=sized, step=step: compare(part, sized, step, peak),
            )
    part.keep("complete", True)


if __name__ == "__main__":
    main()
