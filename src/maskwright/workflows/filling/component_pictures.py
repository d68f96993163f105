"""What a run that hides components makes of pictures: what it saw, predicted and should have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskwright.components.basis import PictureShape
from maskwright.components.parts import HiddenParts
from maskwright.data.store.splits import spread
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.metrics import bootstrap_interval, masked_psnr
from maskwright.masking.catalog import build_policy
from maskwright.masking.components import check_variance_share, components_of
from maskwright.patches import PixelScale
from maskwright.schedules import Constant, parse_schedule
from maskwright.support.errors import MaskwrightError
from maskwright.support.plurals import count_of
from maskwright.support.reporting import say_result
from maskwright.training.component_masker import ComponentMasker
from maskwright.training.masker import MaskerSettings
from maskwright.visual.components import ComponentRow, component_rows, component_sheet
from maskwright.visual.reconstructions import SheetFacts
from maskwright.weights.checkpoint import LoadedModel
from maskwright.weights.opening import file_of
from maskwright.weights.reading import open_weights
from maskwright.workflows.building.components import hide_samples, restored_basis
from maskwright.workflows.building.mask_samples import MaskDraw
from maskwright.workflows.filling.filled import CHUNK, format_mean
from maskwright.workflows.filling.outcome import (
    Reconstruction,
    ReconstructOptions,
    save_outcome,
    sheet_path,
)
from maskwright.workflows.loading.chosen_pictures import PictureRequest, choose_pictures
from maskwright.workflows.runs.locate import locate
from maskwright.workflows.settings.reconstruct_settings import ReconstructSettings

# Where a checkpoint keeps the basis that a run has fitted.
_BASIS = "masker.basis."
# Pictures on a sheet.
MOST_ROWS = 12


def reconstruct_components(
    settings: ReconstructSettings, loaded: LoadedModel, images: Any, options: ReconstructOptions
) -> Reconstruction:
    """Hide components of pictures as the run does, and compare what is predicted of them.

    Raises MaskwrightError for options that mean nothing here.
    """
    _refuse_options(settings, loaded)
    masker = open_masker(loaded, settings.run, _ratio(settings, loaded))
    request = PictureRequest(reading=options.reading)
    chosen = choose_pictures(images, loaded, request, options.reporter)
    filled = _fill(loaded, masker, chosen.images, options)
    numbers = filled.numbers(options.seed)
    numbers |= {"pictures": list(chosen.names), "skipped": list(chosen.skipped)}

    rows = []
    for picture in spread(len(filled.rows), MOST_ROWS):
        rows.append((chosen.names[picture], filled.rows[picture], filled.explained[picture]))
    facts = SheetFacts(
        policy=str(loaded.settings["policy"]), ratio=masker.ratio.at(1.0), seed=options.seed
    )
    sheet = component_sheet([_captioned(*row) for row in rows], facts)
    path = sheet_path(settings.run, images, options.out, chosen.names, "")
    if path is not None:
        save_outcome(path, sheet, numbers)
        say_result(options.reporter, filled.lines(options.seed))
        options.reporter.say(f"Sheet: {path}")
    return Reconstruction(sheet, chosen.names, numbers, path)


def open_masker(loaded: LoadedModel, place: str | Path, ratio: float) -> ComponentMasker:
    """The run's own basis and policy; raises MaskwrightError for a file without them."""
    policy = components_of(build_policy(loaded.settings["policy"]))
    assert policy is not None, "asked of a run that hides patches"
    weights = open_weights(file_of(locate(place)[0])).state
    state = {
        name.removeprefix(_BASIS): value
        for name, value in weights.items()
        if name.startswith(_BASIS)
    }
    if not state:
        raise MaskwrightError(
            f"'{place}' holds the weights without the basis that its training fitted; name the"
            " run's folder, or one of its checkpoints."
        )
    config = loaded.model.config
    shape = PictureShape(config.channels, *config.image_size)
    basis = restored_basis(policy, shape, state)
    masked = MaskerSettings(ratio=Constant(ratio), seed=0)
    return ComponentMasker(policy, masked, basis, loaded.model.grid, loaded.scale).eval()


@dataclass(frozen=True)
class _Filled:
    """What came out, a number per picture (n,).

    rows: what is shown.
    explained: the share of the hidden variance that was predicted.
    psnr, seen_psnr: decibels of the composite, and of what is seen alone.
    """

    rows: tuple[ComponentRow, ...]
    explained: Tensor
    psnr: Tensor
    seen_psnr: Tensor

    def numbers(self, seed: int) -> dict[str, Any]:
        """Means with intervals, ready for JSON."""
        measured = {
            "explained": self.explained,
            "psnr": self.psnr,
            "psnr_of_seen": self.seen_psnr,
            "psnr_gain": self.psnr - self.seen_psnr,
        }
        intervals = {
            name: bootstrap_interval(values, seed).to_dict() for name, values in measured.items()
        }
        per_picture = {name: values.tolist() for name, values in measured.items()}
        return {**intervals, "per_picture": per_picture, "psnr_over": "whole pictures"}

    def lines(self, seed: int) -> list[str]:
        """The same for people."""
        gain = format_mean(self.psnr - self.seen_psnr, seed)
        return [
            f"{count_of(len(self.rows), 'picture')}, means over pictures with 95% intervals",
            f"  hidden variance predicted  {format_mean(self.explained, seed)}",
            f"  PSNR (dB) of what is visible alone  {format_mean(self.seen_psnr, seed)}",
            f"  PSNR (dB) with the predicted part   {format_mean(self.psnr, seed)}",
            f"  gain, paired                        {gain}",
        ]


def _fill(
    loaded: LoadedModel, masker: ComponentMasker, images: Tensor, options: ReconstructOptions
) -> _Filled:
    """Hide and predict, some pictures at a time."""
    model, device = loaded.model.to(options.device), options.device
    masker = masker.to(device)
    draw = MaskDraw(masker.ratio.at(1.0), options.seed)
    ids = torch.arange(len(images), device=device)
    rows: list[ComponentRow] = []
    numbers = []
    with evaluation_mode(model, device):
        for start in range(0, len(images), CHUNK):
            some = slice(start, start + CHUNK)
            inputs = loaded.scale.to_model(images[some].to(device))
            count = masker.grid.num_patches
            mask = hide_samples(masker.policy, masker.basis, ids[some], draw, count)
            parts = HiddenParts.of(masker.predict(model, inputs, mask))
            rows += component_rows(parts, loaded.scale)
            numbers.append(_measure(parts, loaded.scale))
    explained, psnr, seen_psnr = torch.cat(numbers).unbind(1)
    return _Filled(tuple(rows), explained, psnr, seen_psnr)


def _measure(parts: HiddenParts, scale: PixelScale) -> Tensor:
    """(B, 3): hidden variance predicted, decibels with the predicted part and without."""
    pictures = (parts.original, parts.composite, parts.seen)
    truth, composite, seen = (scale.to_display(each) for each in pictures)
    everywhere = torch.ones_like(truth[:, :1], dtype=torch.bool)
    psnr = [masked_psnr(each, truth, everywhere) for each in (composite, seen)]
    return torch.stack([parts.explained(), *psnr], dim=1).cpu()


def _captioned(name: str, row: ComponentRow, explained: Tensor) -> ComponentRow:
    share = round(float(explained), 2) + 0.0  # no -0 %
    caption = f"{name}   {share:.0%} of the hidden variance predicted"
    return replace(row, caption=caption)


def _ratio(settings: ReconstructSettings, loaded: LoadedModel) -> float:
    """The share that was asked for, or that of the end of the training."""
    ratio = loaded.settings["ratio"] if settings.ratio is None else settings.ratio
    check_variance_share(ratio)
    return parse_schedule(ratio).at(1.0)


def _refuse_options(settings: ReconstructSettings, loaded: LoadedModel) -> None:
    """Refuse what is said of masked patches, of which this run knows nothing."""
    others = {
        "--mask": settings.mask is not None,
        "--full": settings.full,
        "--epochs": settings.epochs is not None,
        "--errors": settings.errors,
        "--lpips": settings.lpips is not None,
        "--stats target": settings.stats == "target",
        "--policy": settings.policy not in (None, loaded.settings["policy"]),
    }
    named = [name for name, is_given in others.items() if is_given]
    if named:
        raise MaskwrightError(
            f"'{settings.run}' was trained to predict hidden components of whole pictures"
            f" ({loaded.settings['policy']}); leave out {' and '.join(named)}, which"
            " is about masked patches."
        )
