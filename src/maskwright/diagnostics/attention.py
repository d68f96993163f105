"""Attention rollout under occlusion: how even an encoder's attention is, where its center lies, and
whether both hold as patches vanish.
"""

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
from maskwright.diagnostics.findings import Findings, Number, number_to_json
from maskwright.diagnostics.occlusion import own_attention
from maskwright.diagnostics.option_names import read_word
from maskwright.diagnostics.removal import WAYS, Removal, check_ratios, gray_out
from maskwright.diagnostics.rollout import Heads, RolloutMaps, measure_rollout, rank_agreement
from maskwright.evaluation.frozen import held_still
from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.evaluation.subject import Subject
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import patchify
from maskwright.support.checks import check_at_least, check_one_of
from maskwright.visual.rollout import RolloutLine, RolloutStage, rollout_sheet

CONTROL = (
    "Hold against random weights: evenness 1 is a map that attends to all patches alike, agreement"
    " 0 is no relation between the map under occlusion and the map of the whole picture, and a"
    " center at 0.5, 0.5 is the middle."
)


@dataclass(frozen=True)
class Rollout:
    """Attention rollout (Abnar and Zuidema 2020) of whole pictures and of pictures that lose
    patches.

    ratios: shares taken away; order and how: as for occlusion.
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
        for name in ("order", "how", "heads"):
            object.__setattr__(
                self, name, read_word(name, getattr(self, name)).replace("salient_", "salient-")
            )
        check_one_of("how", self.how, WAYS)
        check_one_of("heads", self.heads, ("mean", "max"))
        check_at_least("pictures", self.pictures, 1)

    def measure(self, subject: Subject, material: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        check_ratios(tuple(self.ratios), subject.grid)
        protocol = {
            **asdict(self),
            "grid": str(subject.grid),
            "asks": _asking(subject),
            "num_test": len(material.test),
        }
        if not subject.has_tokens:
            note = "raw pixels have no attention."
            return Findings(
                diagnostic="rollout",
                subject=subject.name,
                numbers={},
                control=CONTROL,
                protocol=protocol,
                notes=(note,),
            )
        begun = time.perf_counter()
        stages, shown = self._gather(subject, material, seed)
        return Findings(
            diagnostic="rollout",
            subject=subject.name,
            numbers=_numbers(stages, tuple(self.ratios), seed),
            control=CONTROL,
            protocol=protocol,
            tables={"stages": _tables(stages, (0.0, *self.ratios), seed)},
            seconds=time.perf_counter() - begun,
            shown=shown,
        )

    def figure(self, findings: Sequence[Findings]) -> Any:
        """Pictures with their maps, whole and at each share taken away, a line for each picture and
        subject.
        """
        drawn = [one for one in findings if one.shown]
        shown = (
            [(one, number) for number in range(len(drawn[0].shown["images"])) for one in drawn]
            if drawn
            else []
        )
        draw = (_share_line, _entropy_line) if self.entropy else (_share_line,)
        lines = [line(one, number, self.ratios) for one, number in shown for line in draw]
        told = (
            f"Patches vanish in order '{self.order}',"
            f" {'left out' if self.how == 'drop' else 'painted gray'}; heads joined by"
            f" {self.heads}."
        )
        return rollout_sheet(lines, [told, CONTROL])

    def _gather(
        self, subject: Subject, material: DiagnosticPictures, seed: int
    ) -> tuple[list[Tensor], dict[str, Any]]:
        """What every picture's maps are like, (n, 7) for each stage, and some pictures, spread over
        all, with their maps.
        """
        removal = Removal(self.order, subject.grid, seed)
        parts: list[list[Tensor]] = []
        images: list[Tensor] = []
        drawn: list[list[RolloutMaps]] = []
        wanted = torch.tensor(spread(len(material.test), self.pictures))
        at = 0
        for batch in material.test:
            ids = torch.arange(at, at + len(batch.images))
            at += len(ids)
            masks = removal.masks(
                tuple(self.ratios), ids, partial(own_attention, subject, batch.images)
            )
            maps = [self._look(subject, batch.images, mask) for mask in (None, *masks)]
            parts.append([_describe(one, maps[0]) for one in maps])
            if (here := torch.isin(ids, wanted)).any():
                images.append(batch.images[here])
                drawn.append([_some(one, here) for one in maps])
        shown = {
            "images": torch.cat(images),
            "maps": [_join(stage) for stage in zip(*drawn, strict=True)],
        }
        return [torch.cat(stage) for stage in zip(*parts, strict=True)], shown

    def _look(self, subject: Subject, images: Tensor, mask: PatchMask | None) -> RolloutMaps:
        """The maps of a batch without its masked patches, on what is left."""
        if mask is None:
            return rollout_of(subject, images, None, self.heads)
        if self.how == "drop":
            return rollout_of(subject, images, mask.visible_ids, self.heads)
        painted = rollout_of(
            subject, gray_out(images, mask, subject.grid, subject.scale), None, self.heads
        )
        return RolloutMaps(painted.values, ~mask.is_masked, painted.own_evenness, subject.grid)


def rollout_of(
    subject: Subject, images: Tensor, visible_ids: Tensor | None, heads: Heads
) -> RolloutMaps:
    """Rollout maps, on the CPU, of uint8 images, whole or their visible patches alone; in float32,
    because they are nearly even.
    """
    encoder = subject.encoder.to(subject.device).encoder
    patches = patchify(subject.scale.to_model(images.to(subject.device)), subject.grid.patch_size)
    ids = None if visible_ids is None else visible_ids.to(subject.device)
    with held_still(encoder, subject.device):
        maps = measure_rollout(encoder, patches, subject.grid, ids, heads)
    return RolloutMaps(
        maps.values.float().cpu(), maps.is_seen.cpu(), maps.own_evenness.float().cpu(), maps.grid
    )


def _describe(maps: RolloutMaps, whole: RolloutMaps) -> Tensor:
    """(B, 7) float64, what `_NAMES` names; the center's distance is from that of the whole picture,
    agreement is with its map.
    """
    centers = maps.centers()
    moved = (centers - whole.centers()).norm(dim=1)
    agreement = rank_agreement(maps.values, whole.values, maps.is_seen)
    own = maps.own_evenness.masked_fill(~maps.is_seen, 0).sum(1) / maps.is_seen.sum(1)
    return torch.stack(
        [maps.entropy(), maps.evenness(), centers[:, 0], centers[:, 1], moved, agreement, own],
        dim=1,
    ).double()


_NAMES = ("entropy", "evenness", "row", "col", "center moved", "agreement", "own evenness")


def _numbers(stages: list[Tensor], ratios: tuple[float, ...], seed: int) -> dict[str, Number]:
    numbers: dict[str, Number] = {
        name: bootstrap_interval(stages[0][:, at], seed)
        for at, name in enumerate(_NAMES)
        if at in (0, 1, 2, 3, 6)
    }
    for ratio, stage in zip(ratios, stages[1:], strict=True):
        for at in (1, 4, 5):
            numbers[f"{_NAMES[at]} {ratio:g}"] = bootstrap_interval(stage[:, at].nan_to_num(), seed)
    return numbers


def _tables(stages: list[Tensor], ratios: tuple[float, ...], seed: int) -> dict[str, Any]:
    return {
        f"{ratio:g}": {
            name: number_to_json(bootstrap_interval(stage[:, at].nan_to_num(), seed))
            for at, name in enumerate(_NAMES)
        }
        for ratio, stage in zip(ratios, stages, strict=True)
    }


def _asking(subject: Subject) -> str:
    if not subject.has_tokens:
        return "nothing"
    return (
        "the class token" if subject.has_class_token else "the mean over patches (no class token)"
    )


def _some(maps: RolloutMaps, chosen: Tensor) -> RolloutMaps:
    """The maps of some pictures, by (B,) booleans."""
    return RolloutMaps(
        maps.values[chosen], maps.is_seen[chosen], maps.own_evenness[chosen], maps.grid
    )


def _join(maps: Sequence[RolloutMaps]) -> RolloutMaps:
    """The maps of several batches as one."""
    return RolloutMaps(
        torch.cat([one.values for one in maps]),
        torch.cat([one.is_seen for one in maps]),
        torch.cat([one.own_evenness for one in maps]),
        maps[0].grid,
    )


def _only(maps: RolloutMaps, number: int) -> RolloutMaps:
    """The map of one picture."""
    rows = slice(number, number + 1)
    return RolloutMaps(maps.values[rows], maps.is_seen[rows], maps.own_evenness[rows], maps.grid)


def _share_line(findings: Findings, number: int, ratios: Sequence[float]) -> RolloutLine:
    """What the answer gathers from each patch of one picture, at every stage."""
    maps = [_only(one, number) for one in findings.shown["maps"]]
    stages = []
    for ratio, one in zip((0.0, *ratios), maps, strict=True):
        told = f"even {float(one.evenness()):.3f}"
        if ratio:
            told += f", agrees {float(rank_agreement(one.values, maps[0].values, one.is_seen)):.2f}"
        row, col = one.centers()[0].tolist()
        times = (one.values[0] * one.is_seen.sum()).clamp_min(1e-6)
        stages.append(
            RolloutStage(_title(ratio), (times.log2() + 1) / 2, one.is_seen[0], told, (row, col))
        )
    return RolloutLine(
        findings.subject, findings.shown["images"][number], maps[0].grid, tuple(stages)
    )


def _entropy_line(findings: Findings, number: int, ratios: Sequence[float]) -> RolloutLine:
    """How evenly each patch of one picture gathers, at every stage, on one scale for the line."""
    maps = [_only(one, number) for one in findings.shown["maps"]]
    known = torch.cat([one.own_evenness[one.is_seen] for one in maps])
    low, high = float(known.min()), float(known.max())
    stages = []
    for ratio, one in zip((0.0, *ratios), maps, strict=True):
        mean = float(one.own_evenness[one.is_seen].mean())
        heat = (one.own_evenness[0] - low) / max(high - low, 1e-9)
        stages.append(RolloutStage(_title(ratio), heat, one.is_seen[0], f"entropy {mean:.3f}"))
    return RolloutLine(
        f"entropy {low:.3f} to {high:.3f}",
        findings.shown["images"][number],
        maps[0].grid,
        tuple(stages),
    )


def _title(ratio: float) -> str:
    return f"{ratio:.0%} taken away" if ratio else "whole"
