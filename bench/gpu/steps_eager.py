"""Part: steps of ours and of transformers' ViTMAE in turns, as they come, for every batch size."""

from __future__ import annotations

from typing import Any

from part import Part, open_part
from peers_and_ours import Shape
from timing import EAGER, build_timed, describe, measure_product, time_in_turns, with_batch


def compare(part: Part, shape: Shape, peak: float) -> dict[str, Any]:
    """All three steps at one batch size, and ours over the peer's."""
    steps = {name: build_timed(name, shape, part.sizes.place) for name in EAGER}
    time_in_turns(steps, part.sizes)
    rows: dict[str, Any] = {
        name: describe(timed, shape, name, peak) for name, timed in steps.items()
    }
    for name in ("full", "cross"):
        rows[f"{name}_over_peer"] = round(
            rows["peer"]["milliseconds"] / rows[name]["milliseconds"], 3
        )
    return rows


def main() -> None:
    part = open_part()
    peak = measure_product(part.sizes)
    part.keep("peak_tflops", round(peak / 1e12, 2))
    # Small batches of all models first: large ones may run out of memory or of time.
    for batch in part.sizes.batches:
        for name, shape in part.sizes.shapes.items():
            sized = with_batch(shape, batch)
            part.attempt(f"{name} batch {batch}", lambda sized=sized: compare(part, sized, peak))
    part.keep("complete", True)


if __name__ == "__main__":
    main()
