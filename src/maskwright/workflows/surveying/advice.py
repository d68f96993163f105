"""Which size of picture is advised, why, and the command that trains at it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from maskwright.workflows.settings.geometry_choices import choose_side
from maskwright.workflows.surveying.objects import ObjectSizes
from maskwright.workflows.surveying.resolution import Detail, SizeCost


@dataclass(frozen=True)
class Advice:
    """A size and a command.

    cost: the advised size, with its settings.
    command: to type.
    reasons: sentences.
    """

    cost: SizeCost
    command: str
    reasons: tuple[str, ...]


def advise(
    costs: Sequence[SizeCost],
    detail: Detail,
    things: Sequence[ObjectSizes],
    short_side: int,
    flags: Sequence[str],
) -> Advice:
    """The size that a training would choose itself, or a larger one where things would be smaller
    than a patch.

    costs: of the sizes to choose from, largest first.
    short_side: of the median picture.
    flags: what the command says beside the sizes, such as a split.
    """
    device = costs[0].settings.run.device
    usual = choose_side(short_side, device)
    by_side = {cost.side: cost for cost in costs}
    # Of the sizes compared, the nearest below the usual one, or else the smallest.
    start = next((side for side in by_side if side <= usual), min(by_side))
    chosen, reasons = by_side[start], [_reason(start, usual, short_side, device)]
    hidden = [thing for thing in things if thing.pixels(chosen.side) < chosen.patch]
    larger = [cost for cost in reversed(costs) if cost.side > chosen.side]
    if hidden:
        names = ", ".join(thing.name for thing in hidden)
        better = [cost for cost in larger if _fits(hidden, cost)]
        text = f"at {chosen.side} pixels {names} would be smaller than a patch of {chosen.patch}"
        if better:
            chosen = better[0]
            reasons.append(f"{text}; at {chosen.side} they are not.")
        else:
            reasons.append(f"{text}, and no size compared changes that; --patch-size does.")
    reasons.append(
        f"at {chosen.side} pixels {detail.edges[chosen.side]:.0%} of the edges of a picture of"
        f" {detail.reference} pixels and {detail.energy[chosen.side]:.1%} of its variance are lost."
    )
    settings = chosen.settings
    words = ["maskwright", "pretrain", settings.data.data, *flags]
    words += ["--image-size", str(chosen.side), "--patch-size", str(chosen.patch)]
    words += ["--model", str(settings.model.model)]
    return Advice(chosen, shlex.join(words), tuple(reasons))


def _fits(things: Sequence[ObjectSizes], cost: SizeCost) -> bool:
    return all(thing.pixels(cost.side) >= cost.patch for thing in things)


def _reason(side: int, usual: int, short_side: int, device: str) -> str:
    if side == usual:
        return (
            f"{side} pixels is the largest usual size that neither enlarges pictures of"
            f" {short_side} pixels nor is too slow on {device}."
        )
    return f"of the sizes compared, {side} is nearest to {usual}, the usual one here."
