"""Filling in pictures with a trained model: original, masked, prediction, composite on one sheet, with numbers beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from maskwright.data.decode import Wanted
from maskwright.data.sources import open_source
from maskwright.data.transforms import evaluation_view
from maskwright.evaluation.reconstruction import ReconstructionResult, measure_reconstruction
from maskwright.patches import PatchMask
from maskwright.patches.mask import check_ratio
from maskwright.schedules import parse_schedule
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.visual.reconstructions import SheetFacts, reconstruction_sheet, sheet_rows
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.mask_for import mask_for
from maskwright.workflows.pictures import save_picture
from maskwright.workflows.run import load_any
from maskwright.workflows.run_folder import slug

MOST = 256
MOST_ROWS = 12
MASK_STATS = ("visible", "target")


@dataclass(frozen=True)
class Reconstruction:
    """What came out: the sheet (H, W, 3) uint8, the masks, the numbers per picture, and where the sheet was written."""

    sheet: np.ndarray
    mask: PatchMask
    names: tuple[str, ...]
    result: ReconstructionResult
    path: Path | None


def reconstruct(
    run: str | Path,
    images: Any,
    *,
    out: str | Path | None = None,
    policy: str | None = None,
    ratio: float | str | None = None,
    stats: Literal["visible", "target"] = "visible",
    device: str = "auto",
    seed: int = 0,
    reporter: Reporter | None = None,
) -> Reconstruction:
    """Mask pictures and let a run's model fill them in.

    images: paths of pictures, folders or archives, or uint8 images (N, H, W, C) as an array; policy and ratio: the run's own by default;
    stats: how normalized predictions become pixels, `visible` (nothing leaks) or `target` (an oracle, labeled so on the sheet).
    Pictures are shrunk and center-cropped to the model's size; at most 256 are measured and 12 shown. Writes a PNG and a JSON beside it;
    for arrays only when `out` is given.
    """
    reporter = reporter or LogReporter()
    if stats not in MASK_STATS:
        raise MaskwrightError(f"stats is visible or target; got '{stats}'.")
    loaded = load_any(run)
    chosen = pick_device(device)
    names, pictures = _read(images, loaded)
    mask_policy, share = str(policy or loaded.settings.get("policy", "random")), _ratio(ratio, loaded)
    check_ratio(loaded.model.grid.num_patches, share)
    mask = mask_for(loaded, run, mask_policy, share, pictures, seed)
    model = loaded.model.to(chosen)
    result = measure_reconstruction(model, pictures, mask, loaded.scale, device=chosen, stats=stats)
    with torch.no_grad():
        prediction = model(loaded.scale.to_model(pictures.to(chosen)), mask.to(chosen))
    captions = [f"{name}   PSNR {float(psnr):.1f} dB" for name, psnr in zip(names, result.psnr, strict=True)]
    facts = SheetFacts(policy=mask_policy, ratio=share, seed=seed)
    sheet = reconstruction_sheet(sheet_rows(prediction, loaded.scale, stats, captions)[:MOST_ROWS], facts)
    path = _place(run, images, out, names)
    if path is not None:
        save_picture(path, sheet)
        write_json(path.with_suffix(".json"), {"pictures": list(names), "policy": mask_policy, "seed": seed, **result.to_dict(seed)})
        shown = f" of the first {MOST_ROWS}" if len(names) > MOST_ROWS else ""
        reporter.say(f"{len(names)} pictures, mean PSNR on hidden pixels {float(result.psnr.mean()):.2f} dB; sheet{shown}: {path}")
    return Reconstruction(sheet, mask, names, result, path)


def _ratio(ratio: float | str | None, loaded: LoadedModel) -> float:
    return parse_schedule(ratio if ratio is not None else loaded.settings.get("ratio", 0.75)).at(1.0)


def _place(run: str | Path, images: Any, out: str | Path | None, names: Sequence[str]) -> Path | None:
    if out is not None:
        return Path(out)
    if _is_array(images):
        return None
    folder = Path(run) if Path(run).is_dir() else Path(run).parent
    return folder / "reconstructions" / f"{slug(Path(names[0]).stem)}.png"


def _is_array(images: Any) -> bool:
    return isinstance(images, (np.ndarray, Tensor))


def _read(images: Any, loaded: LoadedModel) -> tuple[tuple[str, ...], Tensor]:
    """Names and (n, C, H, W) uint8 pictures at the model's size."""
    sources: Iterable[Any] = [images] if _is_array(images) or isinstance(images, (str, Path)) else images
    size = loaded.model.config.image_size
    view = evaluation_view(size)
    wanted = Wanted(channels=loaded.model.config.channels)
    names: list[str] = []
    pictures: list[Tensor] = []
    for item in sources:
        source = open_source(item if _is_array(item) else str(item))
        for index in range(min(len(source), MOST - len(names))):
            picture = torch.from_numpy(source.read(index, wanted).copy()).permute(2, 0, 1)
            names.append(Path(source.key(index)).name)
            box = view.draw(
                *torch.tensor(picture.shape[1:])[:, None], seed=0, epoch=0, sample_ids=torch.zeros(1, dtype=torch.int64)
            ).to_list()[0]
            pictures.append(box.apply(picture, size))
    if not pictures:
        raise MaskwrightError("No pictures given to reconstruct.")
    return tuple(names), torch.stack(pictures)
