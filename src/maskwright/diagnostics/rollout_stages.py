"""Rollout maps of whole and of occluded pictures: in numbers, and as lines of a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from maskwright.diagnostics.findings import Findings, Number, number_to_json
from maskwright.diagnostics.rollout import RolloutMaps, rank_agreement
from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.visual.rollout import RolloutLine, RolloutStage

# The columns of `describe_maps`.
NAMES = ("entropy", "evenness", "row", "col", "center moved", "agreement", "own evenness")
# What is printed of whole pictures, where nothing can have moved or disagree.
OF_WHOLE = ("entropy", "evenness", "row", "col", "own evenness")
# What is printed of pictures that lost patches.
OF_OCCLUDED = ("evenness", "center moved", "agreement")
# Shares below this are drawn alike, because a logarithm has no zero.
_LEAST_SHARE = 1e-6


def describe_maps(maps: RolloutMaps, whole: RolloutMaps) -> Tensor:
    """(B, 7) float64 numbers of each picture's map, in the order of `NAMES`.

    whole: the maps of the whole pictures, from which centers move and with which maps agree.
    """
    centers = maps.centers()  # (B, 2)
    moved = centers - whole.centers()
    # (B, N) -> (B,): the mean over patches that are seen
    of_seen = maps.own_evenness.masked_fill(~maps.is_seen, 0)
    own_evenness = of_seen.sum(1) / maps.is_seen.sum(1)
    columns = [
        maps.entropy(),
        maps.evenness(),
        centers[:, 0],
        centers[:, 1],
        moved.norm(dim=1),
        rank_agreement(maps.values, whole.values, maps.is_seen),
        own_evenness,
    ]
    return torch.stack(columns, dim=1).double()


def stage_numbers(stages: list[Tensor], ratios: tuple[float, ...], seed: int) -> dict[str, Number]:
    """What is printed: means over pictures of (n, 7) numbers, the whole pictures first."""
    whole, *occluded = stages
    numbers: dict[str, Number] = {}
    for name in OF_WHOLE:
        numbers[name] = bootstrap_interval(whole[:, NAMES.index(name)], seed)
    for ratio, stage in zip(ratios, occluded, strict=True):
        for name in OF_OCCLUDED:
            # A flat map has no ranks, so its agreement is NaN; it counts as none.
            column = stage[:, NAMES.index(name)].nan_to_num()
            numbers[f"{name} {ratio:g}"] = bootstrap_interval(column, seed)
    return numbers


def stage_tables(stages: list[Tensor], ratios: tuple[float, ...], seed: int) -> dict[str, Any]:
    """All numbers of all stages by ratio, ready for JSON."""
    tables: dict[str, Any] = {}
    for ratio, stage in zip(ratios, stages, strict=True):
        table: dict[str, Any] = {}
        # (n, 7) -> a column of n pictures for each name
        for name, column in zip(NAMES, stage.nan_to_num().unbind(1), strict=True):
            interval = bootstrap_interval(column, seed)
            table[name] = number_to_json(interval)
        tables[f"{ratio:g}"] = table
    return tables


def pick_maps(maps: RolloutMaps, rows: Tensor | slice) -> RolloutMaps:
    """The maps of some pictures, by (B,) booleans or a slice."""
    return RolloutMaps(
        values=maps.values[rows],
        is_seen=maps.is_seen[rows],
        own_evenness=maps.own_evenness[rows],
        grid=maps.grid,
    )


def join_maps(parts: Sequence[RolloutMaps]) -> RolloutMaps:
    """The maps of several batches as one."""
    values = [part.values for part in parts]
    is_seen = [part.is_seen for part in parts]
    own_evenness = [part.own_evenness for part in parts]
    return RolloutMaps(
        values=torch.cat(values),
        is_seen=torch.cat(is_seen),
        own_evenness=torch.cat(own_evenness),
        grid=parts[0].grid,
    )


def share_line(findings: Findings, number: int, ratios: Sequence[float]) -> RolloutLine:
    """What the answer gathers from each patch of one picture, at every stage."""
    stages = []
    all_maps = _maps_of(findings, number)
    whole = all_maps[0]
    for ratio, maps in zip((0.0, *ratios), all_maps, strict=True):
        caption = f"even {float(maps.evenness()):.3f}"
        if ratio:
            agreement = rank_agreement(maps.values, whole.values, maps.is_seen)
            caption += f", agrees {float(agreement):.2f}"
        row, col = maps.centers()[0].tolist()
        # Heat 0.5 is an even share, 0 half of it and 1 twice as much.
        num_seen = maps.is_seen.sum()
        times = (maps.values[0] * num_seen).clamp_min(_LEAST_SHARE)
        heat = (times.log2() + 1) / 2
        stages.append(RolloutStage(_title(ratio), heat, maps.is_seen[0], caption, (row, col)))
    image = findings.shown["images"][number]
    return RolloutLine(findings.subject, image, whole.grid, tuple(stages))


def entropy_line(findings: Findings, number: int, ratios: Sequence[float]) -> RolloutLine:
    """How evenly each patch of one picture gathers, at every stage, on one scale for the line."""
    all_maps = _maps_of(findings, number)
    seen = [maps.own_evenness[maps.is_seen] for maps in all_maps]
    known = torch.cat(seen)
    low = float(known.min())
    high = float(known.max())
    stages = []
    for ratio, maps in zip((0.0, *ratios), all_maps, strict=True):
        own = maps.own_evenness[maps.is_seen]
        mean = float(own.mean())
        # The smallest divisor keeps a line of equal entropies dark instead of dividing by 0.
        heat = (maps.own_evenness[0] - low) / max(high - low, 1e-9)
        caption = f"entropy {mean:.3f}"
        stages.append(RolloutStage(_title(ratio), heat, maps.is_seen[0], caption))
    title = f"entropy {low:.3f} to {high:.3f}"
    image = findings.shown["images"][number]
    return RolloutLine(title, image, all_maps[0].grid, tuple(stages))


def _maps_of(findings: Findings, number: int) -> list[RolloutMaps]:
    """The maps of one shown picture, the whole one first."""
    row = slice(number, number + 1)
    return [pick_maps(maps, row) for maps in findings.shown["maps"]]


def _title(ratio: float) -> str:
    return f"{ratio:.0%} taken away" if ratio else "whole"
