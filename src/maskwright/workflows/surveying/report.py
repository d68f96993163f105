"""What a survey found, in lines for people and ready for JSON."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maskwright.data.pixels.perceptual_hash import SimilarPair
from maskwright.data.sources.open import Source
from maskwright.support.count_progress import format_time
from maskwright.support.text_table import format_table
from maskwright.workflows.surveying.advice import Advice
from maskwright.workflows.surveying.duplicates import NEAR, Duplicates
from maskwright.workflows.surveying.objects import ObjectSizes
from maskwright.workflows.surveying.resolution import Detail, SizeCost
from maskwright.workflows.surveying.sample import Sample

_NAMED = 3  # examples in a line


@dataclass(frozen=True, kw_only=True)
class SurveyFindings:
    """Everything that a survey found out.

    source: the pictures.
    sample: those decoded.
    duplicates: among them.
    detail: what sizes lose.
    costs: what sizes cost, largest first.
    things: how large faces, parts and objects are; empty where nothing is known.
    advice: the size and the command.
    """

    source: Source
    sample: Sample
    duplicates: Duplicates
    detail: Detail
    costs: Sequence[SizeCost]
    things: Sequence[ObjectSizes]
    advice: Advice


def format_survey(found: SurveyFindings) -> list[str]:
    """The whole survey in lines, the command last."""
    lines = [
        *_sample_lines(found.sample),
        *_class_lines(found.source),
        *_duplicate_lines(found.duplicates, found.sample),
        *_thing_lines(found.things, found.detail, found.advice.cost),
        "",
        *_size_table(found),
        "",
    ]
    for reason in found.advice.reasons:
        sentence = reason[:1].upper() + reason[1:]
        lines.append(f"  {sentence}")
    return [*lines, f"Advised: {found.advice.command}"]


def _sample_lines(sample: Sample) -> list[str]:
    """Sizes, colors and broken files of the pictures that were decoded."""
    whole = "all" if sample.is_whole else f"{sample.decoded:,} of {sample.total:,}, spread evenly"
    sizes = Counter(picture.size for picture in sample.pictures)
    usual = [
        f"{height}x{width} ({count / len(sample.pictures):.0%})"
        for (height, width), count in sizes.most_common(_NAMED)
    ]
    more = f" and {len(sizes) - _NAMED:,} others" if len(sizes) > _NAMED else ""
    colors = Counter(picture.colors for picture in sample.pictures)
    listed = ", ".join(f"{count:,} {name}" for name, count in colors.most_common())
    lines = [
        f"  decoded  {whole}",
        f"  sizes    {', '.join(usual)}{more} (height x width)",
        f"  colors   {listed}",
    ]
    if not sample.broken:
        return [*lines, "  broken   none of those decoded"]
    named = "; ".join(f"{file.key} ({file.reason})" for file in sample.broken[:_NAMED])
    more = " ..." if len(sample.broken) > _NAMED else ""
    return [*lines, f"  broken   {len(sample.broken):,} of those decoded: {named}{more}"]


def class_counts(source: Source) -> dict[str, int]:
    """Pictures of each class, the largest first; those without a label under no name."""
    if source.labels is None or source.classes is None:
        return {}
    names = source.classes
    counts = Counter(names[label] if label >= 0 else "" for label in source.labels)
    return dict(counts.most_common())


def _class_lines(source: Source) -> list[str]:
    counts = class_counts(source)
    unlabeled = counts.pop("", 0)
    if not counts:
        return ["  classes  none: the pictures have no labels"]
    named = [f"{name} {count:,}" for name, count in counts.items()]
    # The largest and the smallest; those between them are left out.
    if len(named) > 2 * _NAMED:
        named = [*named[:_NAMED], "...", *named[-_NAMED:]]
    rest = f"; {unlabeled:,} pictures have no label" if unlabeled else ""
    least = min(counts.values())
    most = max(counts.values())
    return [
        f"  classes  {len(counts):,}, of {least:,} to {most:,} pictures: {', '.join(named)}{rest}"
    ]


def _duplicate_lines(duplicates: Duplicates, sample: Sample) -> list[str]:
    text = (
        f"  twice    pairs with equal pixels: {len(duplicates.exact):,}; pairs that look alike:"
        f" {len(duplicates.near):,}"
    )
    if duplicates.across:
        text += f"; pairs with different labels: {duplicates.across:,}"
    lines = [text, f"           (alike: {NEAR})"]
    if duplicates.expected is not None:
        value, low, high = duplicates.expected
        lines.append(
            f"           in all {sample.total:,} pictures then about {value:,.0f} pairs"
            f" [{low:,.0f}, {high:,.0f}]; --sample all compares every one"
        )
    return lines


def _thing_lines(things: Sequence[ObjectSizes], detail: Detail, cost: SizeCost) -> list[str]:
    """Sizes of things beside the patch, or what the autocorrelation says where none is known."""
    lines = []
    for thing in things:
        low, middle, high = thing.shares
        lines.append(
            f"  {thing.name:<8} {middle:.2f} of the shorter side [{low:.2f}, {high:.2f}]"
            f" ({thing.count:,} {thing.known_from}): {thing.pixels(cost.side):.0f} pixels at"
            f" {cost.side}, a patch has {cost.patch}"
        )
    low, middle, high = detail.structure
    text = (
        f"  texture  things are about {middle:.2f} of the shorter side wide [{low:.2f}, {high:.2f}]"
        f" by the autocorrelation: {middle * cost.side:.0f} pixels at {cost.side}"
    )
    if not things:
        text += ". No boxes, alpha or faces are known, so this is all that can be said of objects"
    return [*lines, text]


def _size_table(found: SurveyFindings) -> list[str]:
    """A line per size: what is lost, what things are in patches, and what an epoch costs."""
    head = ["size", "patch", "grid", "model", "edges lost", "variance lost"]
    head += [f"{thing.name} / patch" for thing in found.things] + [
        "texture / patch",
        "operations",
        "epoch",
    ]
    rows = []
    for cost in found.costs:
        ratios = [thing.pixels(cost.side) / cost.patch for thing in found.things]
        ratios.append(found.detail.structure[1] * cost.side / cost.patch)
        count = cost.side // cost.patch
        rows.append(
            [
                f"{cost.side}{' *' if cost.side == found.advice.cost.side else ''}",
                str(cost.patch),
                f"{count}x{count}",
                str(cost.settings.model.model),
                f"{found.detail.edges[cost.side]:.1%}",
                f"{found.detail.energy[cost.side]:.2%}",
                *(f"{ratio:.1f}" for ratio in ratios),
                f"{cost.operations:.2g}",
                "-" if cost.seconds is None else f"~{format_time(cost.seconds)}",
            ]
        )
    table = format_table(rows, head=head, rule=True)
    note = "  * advised; operations and time of one epoch, estimated from the shapes"
    if any(cost.seconds is None for cost in found.costs):
        note += " (no speed is known of this device)"
    return [*table, note]


def _pairs_to_plain(source: Source, pairs: Sequence[SimilarPair]) -> list[dict[str, Any]]:
    rows = []
    for pair in pairs:
        first = source.key(pair.first)
        second = source.key(pair.second)
        rows.append({"first": first, "second": second, "bits": pair.bits})
    return rows


def to_plain(found: SurveyFindings) -> dict[str, Any]:
    """Everything as JSON."""
    sample, source = found.sample, found.source
    sizes = Counter("x".join(map(str, picture.size)) for picture in sample.pictures)
    return {
        "data": source.name,
        "pictures": sample.total,
        "decoded": sample.decoded,
        "sizes": dict(sizes.most_common()),
        "colors": dict(Counter(picture.colors for picture in sample.pictures)),
        "broken": {file.key: file.reason for file in sample.broken},
        "classes": class_counts(source),
        "alike": {
            "means": NEAR,
            "exact": _pairs_to_plain(source, found.duplicates.exact),
            "near": _pairs_to_plain(source, found.duplicates.near),
            "expected_in_all": found.duplicates.expected,
        },
        "reference_side": found.detail.reference,
        "structure": list(found.detail.structure),
        "things": [dataclasses.asdict(thing) for thing in found.things],
        "at_each_size": [_cost_to_plain(cost, found.detail) for cost in found.costs],
        "advised": {"command": found.advice.command, "reasons": list(found.advice.reasons)},
    }


def _cost_to_plain(cost: SizeCost, detail: Detail) -> dict[str, Any]:
    return {
        "side": cost.side,
        "patch_size": cost.patch,
        "model": cost.settings.model.model,
        "edges_lost": detail.edges[cost.side],
        "variance_lost": detail.energy[cost.side],
        "operations_per_epoch": cost.operations,
        "seconds_per_epoch": cost.seconds,
        "choices": [str(choice) for choice in cost.choices],
    }
