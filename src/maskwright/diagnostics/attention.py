"""Attention rollout under occlusion: how even attention is, and where its center lies."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from maskwright.data.store.splits import spread
from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.findings import Findings
from maskwright.diagnostics.removal import WAYS, Removal, check_ratios, gray_out, read_order
from maskwright.diagnostics.rollout import Heads, RolloutMaps, measure_rollout
from maskwright.diagnostics.rollout_stages import (
    describe_maps,
    entropy_line,
    join_maps,
    pick_maps,
    share_line,
    stage_numbers,
    stage_tables,
)
from maskwright.diagnostics.visible import own_attention
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.subject import Subject
from maskwright.patches.mask import PatchMask
from maskwright.support.checks import check_at_least, check_one_of, read_word
from maskwright.visual.rollout import rollout_sheet

CONTROL = (
    "Hold against random weights: evenness 1 is a map that attends to all patches alike, agreement"
    " 0 is no relation between the map under occlusion and the map of the whole picture, and a"
    " center at 0.5, 0.5 is the middle."
)


@dataclass(frozen=True)
class RolloutReading:
    """What was read of the test pictures.

    stages: (n, 7) numbers of whole pictures, then of each ratio, as `describe_maps` gives them.
    shown: images and maps of the pictures on the sheet.
    """

    stages: list[Tensor]
    shown: dict[str, Any]


@dataclass(frozen=True)
class Rollout:
    """Attention rollout (Abnar and Zuidema 2020) of whole and of occluded pictures.

    Rollout multiplies the attention of all layers, and says from which patches the output gathers.
    Its evenness, its center, and its agreement with the map of the whole picture are measured.

    Formula: rollout = product over layers of (A[l] + I) / 2
    Source: Abnar and Zuidema 2020.

    ratios: shares taken away.
    order: in which patches vanish, as for occlusion.
    how: `drop` leaves tokens out of the encoder, `gray` paints patches in the mean color.
    heads: joined by their `mean` or `max`.
    pictures: how many the sheet shows.
    entropy: add a line with the entropy map, how evenly each patch itself gathers.
    """

    ratios: Sequence[float] = (0.25, 0.5, 0.75)
    order: str = "random"
    how: Literal["drop", "gray"] = "drop"
    heads: Heads = "mean"
    pictures: int = 3
    entropy: bool = True
    wants: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", read_order("order", self.order))
        object.__setattr__(self, "how", read_word("how", self.how))
        object.__setattr__(self, "heads", read_word("heads", self.heads))
        check_one_of("how", self.how, WAYS)
        check_one_of("heads", self.heads, ("mean", "max"))
        check_at_least("pictures", self.pictures, 1)

    def measure(self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        check_ratios(tuple(self.ratios), subject.grid)
        protocol = {
            **asdict(self),
            "grid": str(subject.grid),
            "asks": _describe_query(subject),
            "num_test": len(pictures.test),
        }
        # Raw pixels stay in the table, with a note instead of numbers.
        if not subject.has_tokens:
            return Findings(
                diagnostic="rollout",
                subject=subject.name,
                numbers={},
                control=CONTROL,
                protocol=protocol,
                notes=("raw pixels have no attention.",),
            )
        begun = time.perf_counter()
        reading = self._read(subject, pictures, seed)
        return Findings(
            diagnostic="rollout",
            subject=subject.name,
            numbers=stage_numbers(reading.stages, tuple(self.ratios), seed),
            control=CONTROL,
            protocol=protocol,
            tables={"stages": stage_tables(reading.stages, (0.0, *self.ratios), seed)},
            seconds=time.perf_counter() - begun,
            shown=reading.shown,
        )

    def figure(self, findings: Sequence[Findings]) -> Any:
        """Pictures with their maps, whole and at each ratio, a line per picture and subject."""
        shown = [finding for finding in findings if finding.shown]
        count = len(shown[0].shown["images"]) if shown else 0
        lines = []
        # The subjects of a picture stand below each other, so that they can be compared.
        for number in range(count):
            for finding in shown:
                lines.append(share_line(finding, number, self.ratios))
                if self.entropy:
                    lines.append(entropy_line(finding, number, self.ratios))
        way = "left out" if self.how == "drop" else "painted gray"
        note = f"Patches vanish in order '{self.order}', {way}; heads joined by {self.heads}."
        return rollout_sheet(lines, [note, CONTROL])

    def _read(self, subject: Subject, pictures: DiagnosticPictures, seed: int) -> RolloutReading:
        """Go through the test pictures once, and keep the maps of those that are shown."""
        # Every picture is looked at whole and at each ratio, in the same order of patches.
        removal = Removal(self.order, subject.grid, seed)
        ratios = tuple(self.ratios)
        on_sheet = torch.tensor(spread(len(pictures.test), self.pictures))
        parts: list[list[Tensor]] = []
        images: list[Tensor] = []
        shown: list[list[RolloutMaps]] = []
        first = 0
        for batch in pictures.test:
            ids = torch.arange(first, first + len(batch.images))
            first += len(ids)
            masks = removal.masks(ratios, ids, partial(own_attention, subject, batch.images))
            stages = [self._roll_out(subject, batch.images, mask) for mask in (None, *masks)]
            parts.append([describe_maps(maps, stages[0]) for maps in stages])
            is_shown = torch.isin(ids, on_sheet)
            if is_shown.any():
                images.append(batch.images[is_shown])
                shown.append([pick_maps(maps, is_shown) for maps in stages])

        # Batch by batch becomes stage by stage.
        maps = [join_maps(stage) for stage in zip(*shown, strict=True)]
        numbers = [torch.cat(stage) for stage in zip(*parts, strict=True)]
        return RolloutReading(numbers, {"images": torch.cat(images), "maps": maps})

    def _roll_out(self, subject: Subject, images: Tensor, mask: PatchMask | None) -> RolloutMaps:
        """The maps of a batch without its masked patches, over those that are left."""
        if mask is None:
            return rollout_of(subject, images, None, self.heads)
        if self.how == "drop":
            return rollout_of(subject, images, mask.visible_ids, self.heads)
        # The encoder sees all patches here, gray ones among them.
        painted = gray_out(images, mask, subject.grid, subject.scale)
        maps = rollout_of(subject, painted, None, self.heads)
        # Gray patches have tokens, but only what can still be seen is described.
        return RolloutMaps(maps.values, ~mask.is_masked, maps.own_evenness, subject.grid)


def rollout_of(
    subject: Subject, images: Tensor, visible_ids: Tensor | None, heads: Heads
) -> RolloutMaps:
    """Rollout maps, on the CPU, of uint8 images: whole, or their visible patches alone."""
    encoder = subject.encoder.encoder
    ids = None if visible_ids is None else visible_ids.to(subject.device)
    # In float32 whatever the subject's precision, because the maps are nearly even.
    with evaluation_mode(encoder, subject.device):
        maps = measure_rollout(encoder, subject.patches(images), subject.grid, ids, heads)
    return RolloutMaps(
        maps.values.float().cpu(), maps.is_seen.cpu(), maps.own_evenness.float().cpu(), maps.grid
    )


def _describe_query(subject: Subject) -> str:
    """Whose attention is rolled out."""
    if not subject.has_tokens:
        return "nothing"
    if subject.has_class_token:
        return "the class token"
    return "the mean over patches (no class token)"
