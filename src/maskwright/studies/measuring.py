"""Measuring a finished run for its study: the same pictures, masks and probe settings for every
arm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from maskwright.data.loader import Batch
from maskwright.data.sources.open import Source, open_source
from maskwright.data.store.packed import PackedStore
from maskwright.evaluation.reconstruction import ReconstructionResult, measure_reconstruction
from maskwright.patches import PatchMask
from maskwright.schedules import parse_schedule
from maskwright.studies.measures import MEASURE_SEED, MeasureSettings, filled_name, read_mask
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.diagnose import diagnose
from maskwright.workflows.evaluate import TEST_NAMES, evaluate
from maskwright.workflows.filling.arms import MaskChoice, needed_maps
from maskwright.workflows.filling.mask_for import mask_for
from maskwright.workflows.loading.pictures import (
    Pictures,
    eval_batch,
    find,
    load,
    packed,
    reading_of,
)
from maskwright.workflows.run import Run, open_run
from maskwright.workflows.settings.pretrain_settings import PretrainSettings


@dataclass(frozen=True)
class Measured:
    """Numbers by metric, and right or wrong per test picture where a probe tells."""

    numbers: dict[str, float]
    per_image: dict[str, str]


def measure_run(run: Run, measures: MeasureSettings, reporter: Reporter) -> Measured:
    """All that the plan asks of one run."""
    numbers, per_image = _measure_probes(run, measures, reporter)
    _diagnose(run, measures, reporter)
    return Measured({**numbers, **_measure_filled(run, measures, reporter)}, per_image)


def held_pictures(
    settings: PretrainSettings,
    count: int,
    maps: Sequence[str],
    grid: tuple[int, int],
    reporter: Reporter,
) -> Batch:
    """Pictures that the run was not trained on: of the test split where there is one, else of what
    the run held out.
    """
    source, _ = find(settings.data, None, reporter)
    pictures = load(settings.data, source, settings.train.seed, reporter)
    return eval_batch(
        held_store(settings, source, pictures, reporter), pictures.size, count, maps, grid
    )


def held_store(
    settings: PretrainSettings, source: Source, pictures: Pictures, reporter: Reporter
) -> PackedStore:
    """Where the pictures come from that are filled in; raises MaskwrightError for data that leaves
    none over.
    """
    test = next(
        (name for name in TEST_NAMES if name in source.splits and name != settings.data.split), None
    )
    if test is not None and settings.data.split is not None:
        opened = open_source(
            settings.data.data,
            split=test,
            labels=settings.data.labels,
            reading=reading_of(settings.data),
        )
        return packed(opened, pictures.size, settings.data.channels or 3, reporter)
    if pictures.held is None:
        raise MaskwrightError(
            f"'{settings.data.data}' has no test split and too few pictures to hold some out by"
            " themselves, so none are left to be filled in under common masks: hold a share out"
            ' (base: {data: {val: "0.2"}} in a plan, --val 0.2 for compare), or measure none'
            " (evaluate.masks: [])."
        )
    return pictures.held


def draw_common(
    loaded: LoadedModel, place: str | Path, choice: MaskChoice, batch: Batch
) -> PatchMask:
    """The masks of a choice on a batch, the same for every model of that grid unless the policy
    itself has learned.
    """
    return mask_for(
        loaded,
        place,
        choice.policy,
        choice.ratio,
        batch.images,
        MEASURE_SEED,
        batch.priors,
        batch.keys,
    )


def fill(
    loaded: LoadedModel, batch: Batch, mask: PatchMask, device: torch.device
) -> ReconstructionResult:
    """How well hidden pixels come back, nothing of them leaking into how they are shown."""
    return measure_reconstruction(
        loaded.model.to(device), batch.images, mask, loaded.scale, device=device
    )


def _measure_probes(
    run: Run, measures: MeasureSettings, reporter: Reporter
) -> tuple[dict[str, float], dict[str, str]]:
    if not measures.probes:
        return {}, {}
    settings = run.settings
    results: dict[str, Any] = evaluate(
        run.path,
        measures.data,
        probe=",".join(measures.probes),
        features=measures.features,
        labels=measures.labels,
        baselines=False,
        figures=False,
        limit=measures.limit,
        device=settings.run.device,
        seed=MEASURE_SEED,
        reporter=reporter,
    )
    own = next(iter(results.values()))
    numbers = {f"{probe} top1": float(result["top1"]["value"]) for probe, result in own.items()}
    return numbers, {
        f"{probe} top1": result["correct"] for probe, result in own.items() if "correct" in result
    }


def _diagnose(run: Run, measures: MeasureSettings, reporter: Reporter) -> None:
    """Ask the run the plan's questions; the answers stay in RUN/diagnose, where the report finds
    them.
    """
    if measures.diagnostics:
        diagnose(
            run.path,
            measures.data,
            tests=",".join(measures.diagnostics),
            stimuli=measures.stimuli,
            textures=measures.textures,
            labels=measures.labels,
            limit=measures.limit,
            baselines=False,
            device=run.settings.run.device,
            seed=MEASURE_SEED,
            reporter=reporter,
        )


def _measure_filled(run: Run, measures: MeasureSettings, reporter: Reporter) -> dict[str, float]:
    if not measures.masks:
        return {}
    loaded, settings = run.load(), run.settings
    choices = [read_mask(mask) for mask in measures.masks]
    grid = (loaded.model.grid.rows, loaded.model.grid.cols)
    batch = held_pictures(settings, measures.pictures, needed_maps(choices, loaded), grid, reporter)
    device = pick_device(settings.run.device)
    numbers: dict[str, float] = {}
    for text, choice in zip(measures.masks, choices, strict=True):
        result = fill(loaded, batch, draw_common(loaded, run.path, choice, batch), device)
        numbers |= {
            filled_name(name, text): float(getattr(result, name).mean()) for name in measures.filled
        }
    return numbers


def cross_policies(
    runs: dict[str, Path], measures: MeasureSettings, reporter: Reporter
) -> dict[tuple[str, str], float]:
    """PSNR of every arm's model under every arm's own masks, (model's arm, masks' arm) -> decibels,
    for the runs of one seed.

    Masks are drawn by the run they belong to, with what its policy learned; arms of other grids
    cannot share them and are left out.
    """
    opened = {arm: open_run(path) for arm, path in runs.items()}
    loaded = {arm: run.load() for arm, run in opened.items()}
    found: dict[tuple[str, str], float] = {}
    for arm, run in opened.items():
        own = loaded[arm]
        choice = MaskChoice(
            str(own.settings["policy"]), parse_schedule(own.settings["ratio"]).at(1.0)
        )
        batch = held_pictures(
            run.settings,
            measures.pictures,
            needed_maps([choice], own),
            (own.model.grid.rows, own.model.grid.cols),
            reporter,
        )
        mask = draw_common(own, run.path, choice, batch)
        for other, model in loaded.items():
            if (model.model.grid, model.model.config.channels) == (
                own.model.grid,
                own.model.config.channels,
            ):
                found[other, arm] = float(
                    fill(model, batch, mask, pick_device(run.settings.run.device)).psnr.mean()
                )
    return found
