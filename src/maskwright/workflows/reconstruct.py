"""Filling in pictures with trained models: one run on a sheet, or runs, policies, ratios and epochs side by side, with numbers beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from maskwright.evaluation.reconstruction import ReconstructionResult
from maskwright.patches import PatchMask
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.visual.reconstructions import SheetFacts, reconstruction_sheet
from maskwright.workflows.arms import ALL, choose_masks, find_models, is_model, needed_maps
from maskwright.workflows.chosen_pictures import choose_pictures, is_array
from maskwright.workflows.filled import Filled
from maskwright.workflows.pictures import save_picture
from maskwright.workflows.run_folder import slug
from maskwright.workflows.side_by_side import compare_arms, comparison_sheet, draw_choices, fill_arms, spell_arms

MOST_ROWS = 12
MASK_STATS = ("visible", "target")


@dataclass(frozen=True)
class Reconstruction:
    """What came out: the sheet (H, W, 3) uint8, each arm with its masks, rows and numbers, and where the sheet was written."""

    sheet: np.ndarray
    names: tuple[str, ...]
    arms: tuple[Filled, ...]
    numbers: dict[str, Any]
    path: Path | None

    @property
    def mask(self) -> PatchMask:
        """The masks of the first arm."""
        return self.arms[0].mask

    @property
    def result(self) -> ReconstructionResult:
        """The numbers of the first arm."""
        return self.arms[0].result


def reconstruct(
    run: str | Path | Sequence[str | Path],
    images: Any,
    *,
    out: str | Path | None = None,
    policy: str | Sequence[str] | None = None,
    ratio: float | str | Sequence[float] | None = None,
    epochs: str | Sequence[int] | None = None,
    stats: Literal["visible", "target"] = "visible",
    device: str = "auto",
    seed: int = 0,
    reporter: Reporter | None = None,
) -> Reconstruction:
    """Mask pictures and let one or several models fill them in.

    run: a run or checkpoint, or several, which get the same masks; runs at the head of `images` join them. images: paths of pictures,
    folders, archives or a prepared store (with its maps), or uint8 images (N, H, W, C) as an array. policy and ratio: the first run's
    own by default; several, as lists or `random; block(size=2)` and `0.25,0.5`, stand side by side, and policy `all` is every policy
    that can be used. epochs: `all` or `20,50`, the checkpoints that a run kept. stats: how normalized predictions become pixels,
    `visible` (nothing leaks) or `target` (an oracle, labeled so). Pictures are shrunk and center-cropped to the model's size; at most
    256 are measured and the first ones shown. Writes a PNG and a JSON beside it; for arrays only when `out` is given.
    """
    reporter = reporter or LogReporter()
    if stats not in MASK_STATS:
        raise MaskwrightError(f"stats is visible or target; got '{stats}'.")
    runs, images = _sort_out(run, images)
    models = find_models(runs, epochs)
    chosen_device = pick_device(device)
    first = find_models(runs[:1], None)[0].load()
    choices = choose_masks(policy, ratio, first)
    everything = policy == ALL
    chosen = choose_pictures(images, first, () if everything else needed_maps(choices, first), reporter=reporter)
    masks = draw_choices(choices, first, runs[0], chosen, seed, skip=everything, reporter=reporter)
    arms = fill_arms(models, first, masks, chosen, stats, chosen_device)
    sheet = _sheet(arms, chosen.names, seed)
    numbers = _numbers(arms, chosen.names, chosen.skipped, seed)
    path = _place(runs[0], images, out, chosen.names, len(arms) > 1)
    if path is not None:
        save_picture(path, sheet)
        write_json(path.with_suffix(".json"), numbers)
        _tell(arms, chosen.names, path, seed, reporter)
    return Reconstruction(sheet, chosen.names, arms, numbers, path)


def _sort_out(run: str | Path | Sequence[str | Path], images: Any) -> tuple[list[Path], Any]:
    """Runs, with those that stand at the head of the pictures, and the pictures that are left."""
    runs = [Path(run)] if isinstance(run, (str, Path)) else [Path(one) for one in run]
    if is_array(images) or isinstance(images, (str, Path)):
        rest: Any = images
    else:
        rest = list(images)
        while rest and is_model(rest[0]):
            runs.append(Path(rest.pop(0)))
    if not runs:
        raise MaskwrightError("Name at least one run or checkpoint.")
    if not is_array(rest) and not rest:
        raise MaskwrightError("No pictures to reconstruct: after the runs name pictures, a folder or a prepared store.")
    return runs, rest


def _sheet(arms: Sequence[Filled], names: Sequence[str], seed: int) -> np.ndarray:
    if len(arms) > 1:
        return comparison_sheet(arms, names, seed)
    arm = arms[0]
    captions = [f"{name}   {told}" for name, told in zip(names, arm.result.captions(), strict=True)]
    rows = [row.with_caption(caption) for row, caption in zip(arm.rows[:MOST_ROWS], captions, strict=False)]
    return reconstruction_sheet(rows, SheetFacts(policy=arm.policy, ratio=arm.ratio, seed=seed))


def _numbers(arms: Sequence[Filled], names: Sequence[str], skipped: Sequence[str], seed: int) -> dict[str, Any]:
    """Everything measured, ready for JSON; the numbers of a single arm also stand at the top."""
    top = {"policy": arms[0].policy, **arms[0].result.to_dict(seed)} if len(arms) == 1 else {}
    return {"pictures": list(names), "skipped": list(skipped), "seed": seed, **top, "arms": compare_arms(arms, seed)}


def _tell(arms: Sequence[Filled], names: Sequence[str], path: Path, seed: int, reporter: Reporter) -> None:
    shown = f" of the first {MOST_ROWS}" if len(names) > MOST_ROWS and len(arms) == 1 else ""
    if len(arms) == 1:
        mean = float(arms[0].result.psnr.mean())
        reporter.say(f"{len(names)} pictures, mean PSNR on hidden pixels {mean:.2f} dB; sheet{shown}: {path}")
        return
    reporter.say(f"{len(names)} pictures, {len(arms)} arms, means over pictures with 95% intervals")
    for line in spell_arms(arms, seed):
        reporter.say(line)
    reporter.say(f"Sheet: {path}")


def _place(run: Path, images: Any, out: str | Path | None, names: Sequence[str], several: bool) -> Path | None:
    if out is not None:
        return Path(out)
    if is_array(images):
        return None
    folder = run if run.is_dir() else run.parent
    return folder / "reconstructions" / f"{slug(Path(names[0]).stem)}{'-arms' if several else ''}.png"
