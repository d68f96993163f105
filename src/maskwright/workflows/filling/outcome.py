"""What `reconstruct` returns: a sheet, pictures, numbers, and where they were written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from maskwright.data.sources.reading import Reading
from maskwright.evaluation.perceptual_distance import load_distance
from maskwright.evaluation.pixel_scores import Distance, PixelScores
from maskwright.evaluation.reconstruction import ReconstructionResult
from maskwright.patches import PatchMask
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.notebook import lines_html, picture_html
from maskwright.support.reporting import Reporter
from maskwright.visual.png import to_png_bytes
from maskwright.workflows.filling.filled import FilledArm, format_mean
from maskwright.workflows.loading.chosen_pictures import is_array
from maskwright.workflows.runs.figures import png_place, save_picture
from maskwright.workflows.runs.locate import home_of
from maskwright.workflows.runs.run_folder import slug

# Heads of the columns by the names of the scores.
_HEADS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "high_frequency": "HF error", "lpips": "LPIPS"}


@dataclass(frozen=True, kw_only=True)
class ReconstructOptions:
    """How pictures are filled, measured and shown, whatever is filled: see `reconstruct`.

    stats: how normalized predictions become pixels.
    device: where the model runs.
    seed: of masks and intervals.
    errors: whether maps of the error are shown.
    lpips: weights of LPIPS, None to leave it out.
    reporter: gets messages and progress.
    reading: how picture files become pixels, None for the model's way.
    out: where the sheet is written, None for a place in the run.
    """

    stats: Literal["visible", "target"]
    device: torch.device
    seed: int
    errors: bool
    lpips: str | None
    reporter: Reporter
    reading: Reading | None = None
    out: str | Path | None = None


@dataclass(frozen=True)
class Reconstruction:
    """What came out.

    sheet: (H, W, 3) uint8.
    names: of the pictures.
    numbers: as in the JSON.
    path: where the sheet was written, None where it was not.
    arms: models under masks, with their rows.
    pictures: (h, w, C) uint8, with a mask each picture with its hole filled, in full each averaged
        reconstruction.
    deviation: in full, (H, W) standard deviation across draws.
    scores: numbers of the model and of fills that learn nothing, by name.
    table: the numbers in lines for people.
    """

    sheet: np.ndarray
    names: tuple[str, ...]
    numbers: dict[str, Any]
    path: Path | None
    arms: tuple[FilledArm, ...] = ()
    pictures: tuple[np.ndarray, ...] = ()
    deviation: tuple[np.ndarray, ...] = ()
    scores: dict[str, PixelScores] | None = None
    table: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        """The sheet and the numbers, for notebooks."""
        sheet = picture_html(to_png_bytes(self.sheet), f"filled in: {', '.join(self.names)}")
        return sheet + lines_html(self.table)

    @property
    def mask(self) -> PatchMask:
        """The masks of the first arm."""
        return self._first.mask

    @property
    def result(self) -> ReconstructionResult:
        """The numbers of the first arm."""
        return self._first.result

    @property
    def _first(self) -> FilledArm:
        if not self.arms:
            raise MaskwrightError(
                "A filled hole or a full reconstruction has no arms; look at pictures and scores."
            )
        return self.arms[0]


def sheet_path(
    run: str, images: Any, out: str | Path | None, names: Sequence[str], suffix: str = ""
) -> Path | None:
    """Where the sheet goes: `out`, or the run's folder of reconstructions.

    Nowhere for arrays without `out`: they have no names to write under.
    """
    if out is not None:
        return png_place(out)
    if is_array(images):
        return None
    # Named by the first picture, so that another one does not overwrite it.
    return home_of(run) / "reconstructions" / f"{slug(Path(names[0]).stem)}{suffix}.png"


def save_outcome(
    path: Path,
    sheet: np.ndarray,
    numbers: dict[str, Any],
    singles: Sequence[tuple[str, np.ndarray]] = (),
) -> Path | None:
    """Write the sheet, a JSON beside it and single pictures in a folder of the sheet's name.

    Returns that folder, None without single pictures.
    """
    save_picture(path, sheet)
    write_json(path.with_suffix(".json"), numbers)
    folder = path.with_suffix("")
    for name, picture in singles:
        # Pillow takes gray pictures as (h, w).
        is_gray = picture.ndim == 3 and picture.shape[2] == 1
        save_picture(folder / name, picture[..., 0] if is_gray else picture)
    return folder if singles else None


def single_names(names: Sequence[str], ending: str) -> list[str]:
    """A file name for each picture, numbered where two would be the same."""
    # Pictures of several folders may share a name.
    stems = [slug(Path(name).stem) for name in names]
    files = []
    for number, stem in enumerate(stems):
        unique = stem if stems.count(stem) == 1 else f"{stem}_{number}"
        files.append(f"{unique}{ending}.png")
    return files


def format_scores(scores: dict[str, PixelScores], seed: int) -> list[str]:
    """A table for people: a line per way of filling, means over pictures with 95% intervals.

    The last column is the first one's lead over the others, paired over pictures.
    """
    columns = list(next(iter(scores.values())).columns())
    width = max(len(label) for label in ("filled by", *scores))
    # As wide as the longest mean with its interval.
    heads = [f"  {'filled by':<{width}}", *(f"{_HEADS[name]:<27}" for name in columns)]
    first = next(iter(scores))
    lead_head = f"  PSNR of {first} - this (paired)" if len(scores) > 1 else ""
    lines = ["  ".join(heads).rstrip() + lead_head]
    for label, score in scores.items():
        cells = [f"{format_mean(values, seed):<27}" for values in score.columns().values()]
        # The first one has no lead over itself.
        if label != first:
            cells.append(format_mean(scores[first].psnr - score.psnr, seed))
        lines.append("  ".join([f"  {label:<{width}}", *cells]).rstrip())
    return lines


def to_array(picture: Tensor) -> np.ndarray:
    """A (C, h, w) uint8 picture as (h, w, C)."""
    return picture.permute(1, 2, 0).contiguous().numpy()


def open_distance(options: ReconstructOptions) -> tuple[Distance | None, str]:
    """LPIPS by the given weights (`imagenet` or a file), or None with the reason why not."""
    if options.lpips is None:
        return None, "not asked for (--lpips imagenet, or a file of AlexNet's weights)"
    try:
        return load_distance(weights=options.lpips), ""
    except MaskwrightError as error:
        # Everything else can be measured without it, so the work goes on.
        options.reporter.warn(f"LPIPS is left out: {error}")
        return None, str(error)
