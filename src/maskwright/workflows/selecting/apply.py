"""A trained scorer at work on other pictures: scores, saliency maps and kept patches of each."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.data.sources.open import open_source
from maskwright.data.store.splits import limited, spread
from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.evaluation.selection import choose_kept, describe_counts, measure_filled
from maskwright.models.selection import pick
from maskwright.support.array_file import write_npz
from maskwright.support.count_progress import CountProgress
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_atomic, write_json
from maskwright.support.reporting import Reporter
from maskwright.visual.selection import SelectionRow, patch_picture, selection_sheet
from maskwright.weights.checkpoint import LoadedModel
from maskwright.weights.scorer_file import load_scorer
from maskwright.workflows.loading.pictures import eval_batches, packed, reading_for
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.locate import load_run
from maskwright.workflows.runs.run_folder import RunFolder, slug

SHEET = 12
"""Pictures on the sheet, spread over all."""
COLUMNS = ("file", "kept", "patches", "share_kept", "mean_score", "composite_mse", "composite_psnr")


@dataclass(frozen=True)
class Applied:
    """What a scorer made of pictures.

    keys: the name of each.
    chance: (n, N) of keeping each patch, in [0, 1].
    is_kept: (n, N) booleans.
    mse, psnr: (n,) of composites, hidden patches filled in from kept ones alone.
    rows: of the pictures on the sheet.
    """

    keys: tuple[str, ...]
    chance: Tensor
    is_kept: Tensor
    mse: Tensor
    psnr: Tensor
    rows: tuple[SelectionRow, ...]


def apply_scorer(
    run: RunFolder, name: str, data: str, limit: int | None, device: str, reporter: Reporter
) -> Path:
    """Write what a scorer of a run keeps of each picture; returns the folder.

    Left there are scores.npz, scores.csv, saliency/ and kept/ with a PNG per picture, sheet.png and
    summary.json. Pictures are shrunk and center-cropped to the run's size.

    Raises MaskwrightError for a scorer that is not there.
    """
    place = run.path / "select" / slug(name)
    if not (place / "scorer.safetensors").exists():
        known = sorted(file.parent.name for file in (run.path / "select").glob("*/scorer.*"))
        raise MaskwrightError(
            f"'{run.path}' has no trained scorer '{name}'. It has: {', '.join(known) or 'none'}."
            f" Train one: maskwright select {run.path}."
        )
    loaded = load_run(run)
    source = open_source(data, reading=reading_for(loaded.settings))
    size, channels = loaded.model.config.image_size, loaded.model.config.channels
    store = limited(packed(source, size, channels, reporter), limit, 0)
    applied = _look(loaded, place, list(eval_batches(store, size)), pick_device(device), reporter)
    folder = place / "applied" / slug(Path(data).stem)
    _write(folder, applied, loaded, data)
    counts = describe_counts(applied.is_kept)
    reporter.say(
        f"Kept {counts['mean_share']:.1%} of {counts['num_patches']} patches on average"
        f" ({counts['min']} to {counts['max']}) of {len(applied.keys):,} pictures; composite PSNR"
        f" {float(applied.psnr.mean()):.2f} dB from kept patches alone"
    )
    reporter.say(
        f"Written to {folder}: scores.npz, scores.csv, saliency/, kept/, sheet.png, summary.json"
    )
    return folder


def _look(
    loaded: LoadedModel, place: Path, batches: list[Any], device: torch.device, reporter: Reporter
) -> Applied:
    """Score, choose and fill in batch by batch."""
    model, grid = loaded.model.to(device), loaded.model.grid
    scorer = load_scorer(place / "scorer.safetensors", grid).to(device)
    # The sheet shows pictures from the first to the last.
    total = sum(len(batch.images) for batch in batches)
    shown = set(spread(total, SHEET))
    keys: list[str] = []
    chances, kept, errors, rows = [], [], [], []
    progress = CountProgress(reporter, "select")
    for batch in batches:
        progress.show(len(keys), total)
        logit = choose_kept(scorer, batch.images, loaded.scale, grid.patch_size, device)
        is_kept = pick(logit)
        filled = measure_filled(model.fill_in, model, batch.images, is_kept, loaded.scale, device)
        truth = loaded.scale.to_display(loaded.scale.to_model(batch.images))
        for at in range(len(batch.images)):
            if len(keys) + at in shown:
                caption = f"{batch.keys[at]}   kept {int(is_kept[at].sum())} of {grid.num_patches}"
                chance = torch.sigmoid(logit[at])
                row = SelectionRow(truth[at], filled.composite[at], chance, is_kept[at], caption)
                rows.append(row)
        keys += batch.keys
        chances.append(torch.sigmoid(logit))
        kept.append(is_kept)
        errors.append(filled)
    reporter.finish()
    return Applied(
        keys=tuple(keys),
        chance=torch.cat(chances),
        is_kept=torch.cat(kept),
        mse=torch.cat([filled.mse for filled in errors]),
        psnr=torch.cat([filled.psnr for filled in errors]),
        rows=tuple(rows),
    )


def _write(folder: Path, applied: Applied, loaded: LoadedModel, data: str) -> None:
    grid = loaded.model.grid
    shape = (-1, grid.rows, grid.cols)
    columns = {
        "keys": np.array(applied.keys),
        "scores": applied.chance.reshape(shape).numpy().astype(np.float32),
        "kept": applied.is_kept.reshape(shape).numpy(),
    }

    def write_table(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(_table(applied))

    write_npz(folder / "scores.npz", columns)
    write_atomic(folder / "scores.csv", write_table)
    # Black is a patch that is not wanted, or not kept.
    for name, values in (("saliency", applied.chance), ("kept", applied.is_kept)):
        for key, row in zip(file_names(applied.keys), values, strict=True):
            save_picture(folder / name / f"{key}.png", patch_picture(row, grid))
    # At the foot, because a map of chances is read wrongly without its scale.
    title = f"What the scorer keeps of {Path(data).name}"
    note = "Wanted: chance of keeping, black 0 to white 1. Composites from kept patches alone."
    sheet = selection_sheet([("Pictures spread over all", applied.rows)], grid, title, [note])
    save_picture(folder / "sheet.png", sheet)
    summary = {
        "data": data,
        "pictures": len(applied.keys),
        "kept": describe_counts(applied.is_kept),
        "composite_psnr": bootstrap_interval(applied.psnr).to_dict(),
        "composite_mse": bootstrap_interval(applied.mse).to_dict(),
    }
    write_json(folder / "summary.json", summary)


def _table(applied: Applied) -> Iterator[list[str]]:
    """A row per picture under COLUMNS."""
    patches = applied.is_kept.shape[1]
    for at, key in enumerate(applied.keys):
        kept = int(applied.is_kept[at].sum())
        numbers = (kept / patches, applied.chance[at].mean(), applied.mse[at], applied.psnr[at])
        yield [key, str(kept), str(patches), *(f"{float(number):.6g}" for number in numbers)]


def file_names(keys: tuple[str, ...]) -> list[str]:
    """A name without an ending for each picture's files; those that are alike are numbered."""
    names = [key.replace("/", "-").rpartition(".")[0] or key.replace("/", "-") for key in keys]
    taken: dict[str, int] = {}
    unique = []
    for name in names:
        count = taken.get(name, 0)
        taken[name] = count + 1
        unique.append(f"{name}-{count + 1}" if count else name)
    return unique
