"""Measuring a finished run for its study: the same pictures, masks and probes for every arm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import stdev
from typing import Any

import torch

from maskwright.components.policy_text import hides_components
from maskwright.data.loader import Batch
from maskwright.data.sources.open import Source, open_source
from maskwright.data.store.packed import PackedStore
from maskwright.evaluation.reconstruction import ReconstructionResult, measure_reconstruction
from maskwright.patches import Grid, PatchMask
from maskwright.schedules import parse_schedule
from maskwright.studies.measures import (
    MEASURE_SEED,
    MeasureSettings,
    format_mask,
    read_mask,
)
from maskwright.studies.metrics import FILL_METRICS, LOSS, PSNR
from maskwright.studies.probing import Measured, measure_also, measure_kept, measure_probes
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.reporting import Reporter
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.diagnose import diagnose
from maskwright.workflows.evaluate import TEST_NAMES
from maskwright.workflows.filling.arms import MaskChoice, needed_maps
from maskwright.workflows.filling.mask_for import MaskedPictures, mask_for
from maskwright.workflows.loading.pictures import (
    Pictures,
    eval_batch,
    find,
    load,
    packed,
    reading_of,
)
from maskwright.workflows.run import Run, open_run
from maskwright.workflows.runs.run_folder import slug
from maskwright.workflows.settings.pretrain_settings import PretrainSettings


def measure_run(run: Run, measures: MeasureSettings, reporter: Reporter) -> Measured:
    """Measure all that the plan lists of one run."""
    # Each part opens the run's model again, so none can leave something behind in it.
    probed = measure_probes(run, measures, reporter)
    _diagnose(run, measures, reporter)
    filled = _measure_filled(run, measures, reporter)
    kept = measure_kept(run, measures, reporter) if measures.kept else {}
    also = measure_also(run, measures, reporter)
    return Measured({**probed.numbers, **filled, **kept, **also}, probed.per_image)


def held_pictures(
    settings: PretrainSettings,
    count: int,
    maps: Sequence[str],
    grid: Grid,
    reporter: Reporter,
) -> Batch:
    """Pictures that the run was not trained on, as one batch with the maps that are needed."""
    # Opened and split as the training did it, so that what it held out is known again.
    source, _ = find(settings.data, None, reporter)
    pictures = load(settings.data, source, settings.train.seed, reporter)
    return eval_batch(
        held_store(settings, source, pictures, reporter), pictures.size, count, maps, grid
    )


def held_store(
    settings: PretrainSettings, source: Source, pictures: Pictures, reporter: Reporter
) -> PackedStore:
    """The pictures to fill in: the test split where there is one, else what the run held out.

    Raises MaskwrightError for data that leaves none over.
    """
    test_names = [name for name in TEST_NAMES if name in source.splits]
    test = next((name for name in test_names if name != settings.data.split), None)
    # A run that named no split was trained on all of them, the test split too.
    if test is not None and settings.data.split is not None:
        # Read as the training pictures were: same range of values, same pages.
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
    loaded: LoadedModel, run: str | Path, choice: MaskChoice, batch: Batch
) -> PatchMask:
    """The masks of a choice on a batch.

    They are the same for every model of that grid, unless the policy itself has learned.
    """
    pictures = MaskedPictures(batch.images, batch.priors, batch.keys)
    return mask_for(loaded, run, choice, pictures, MEASURE_SEED)


def fill(
    loaded: LoadedModel, batch: Batch, mask: PatchMask, device: torch.device
) -> ReconstructionResult:
    """How well hidden pixels come back, nothing of them leaking into how they are shown."""
    return measure_reconstruction(
        loaded.model.to(device), batch.images, mask, loaded.scale, device=device
    )


def _diagnose(run: Run, measures: MeasureSettings, reporter: Reporter) -> None:
    """Run the plan's diagnostics; the report reads their answers in RUN/diagnose."""
    if measures.diagnostics:
        # Without baselines: arms are compared with each other.
        diagnose(
            run.path,
            measures.data,
            tests=",".join(measures.diagnostics),
            stimuli=measures.stimuli,
            textures=measures.textures,
            stylized=measures.stylized,
            labels=measures.labels,
            limit=measures.limit,
            baselines=False,
            device=run.settings.run.device,
            seed=MEASURE_SEED,
            reporter=reporter,
        )


def _measure_filled(run: Run, measures: MeasureSettings, reporter: Reporter) -> dict[str, float]:
    """Fill in the held-out pictures under every common mask; metric name -> mean."""
    if not measures.masks:
        return {}
    # One batch for all masks, so that they are compared on the same pictures.
    loaded = run.load()
    settings = run.settings
    if hides_components(settings.mask.policy):
        reporter.say(f"{run.path.name} hides components, so it fills in no masked patches")
        return {}
    choices = [read_mask(mask) for mask in measures.masks]
    grid = loaded.model.grid
    batch = held_pictures(settings, measures.pictures, needed_maps(choices, loaded), grid, reporter)
    device = pick_device(settings.run.device)
    numbers: dict[str, float] = {}
    for choice in choices:
        # Filled in once per mask, however many numbers are read of the result.
        result = fill(loaded, batch, draw_common(loaded, run.path, choice, batch), device)
        for key in measures.filled:
            kind = FILL_METRICS[key]
            numbers[kind.name(format_mask(choice))] = kind.mean(result)
        if LOSS.key in measures.filled:
            keys = batch.keys or tuple(map(str, batch.sample_ids.tolist()))
            spread = spread_losses(result.loss.tolist(), keys)
            numbers |= {f"{name} {format_mask(choice)}": spread[name] for name in LOSS_SPREAD}
            # Every picture from the smallest loss to the largest, for whoever looks for them.
            stem = slug(f"losses-{format_mask(choice)}")
            write_json(run.path / "losses" / f"{stem}.json", spread)
    return numbers


LOSS_SPREAD = ("loss sd", "loss best", "loss worst")
"""Beside the mean loss over pictures."""


def spread_losses(losses: Sequence[float], keys: Sequence[str]) -> dict[str, Any]:
    """Spread, ends and order of the losses of pictures: the table of a ratio ablation."""
    ordered = sorted(zip(losses, keys, strict=True))
    return {
        # One picture has no spread.
        "loss sd": stdev(losses) if len(losses) > 1 else 0.0,
        "loss best": ordered[0][0],
        "loss worst": ordered[-1][0],
        "best_to_worst": [[key, loss] for loss, key in ordered],
    }


def cross_policies(
    runs: dict[str, Path], measures: MeasureSettings, reporter: Reporter
) -> dict[tuple[str, str], float]:
    """PSNR of every arm's model under every arm's masks, for the runs of one seed.

    Masks are drawn by the run they belong to, with what its policy learned. Arms of other grids
    cannot share them and are left out.

    Returns (the model's arm, the masks' arm) -> decibels.
    """
    # All models of a seed at once in memory: each fills in under every arm's masks.
    opened = {arm: open_run(path) for arm, path in runs.items()}
    # Arms that hide components have never met a masked patch.
    opened = {
        arm: run for arm, run in opened.items() if not hides_components(run.settings.mask.policy)
    }
    loaded = {arm: run.load() for arm, run in opened.items()}
    decibels: dict[tuple[str, str], float] = {}
    for arm, run in opened.items():
        # The arm's own masks at the ratio where its training ended.
        owner = loaded[arm]
        policy = str(owner.settings["policy"])
        schedule = parse_schedule(owner.settings["ratio"])
        choice = MaskChoice(policy, schedule.at(1.0))
        maps = needed_maps([choice], owner)
        count = measures.pictures
        batch = held_pictures(run.settings, count, maps, owner.model.grid, reporter)
        mask = draw_common(owner, run.path, choice, batch)
        device = pick_device(run.settings.run.device)
        # Every model that cuts pictures into the same patches fills in these masks.
        for other, candidate in loaded.items():
            if _shape(candidate) == _shape(owner):
                decibels[other, arm] = PSNR.mean(fill(candidate, batch, mask, device))
    return decibels


def _shape(loaded: LoadedModel) -> tuple[Grid, int]:
    """What two models must have in common to fill in the same pictures."""
    return loaded.model.grid, loaded.model.config.channels
