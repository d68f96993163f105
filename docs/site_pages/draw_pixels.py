"""Pictures of what concerns pixels: masks, loss terms, targets, and rendered sources."""

from __future__ import annotations

from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import maskwright
from maskwright.components.policy_text import hides_components
from maskwright.data.sources.open import open_source
from maskwright.losses.objective import build_objective
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, put, split
from maskwright.patches.pixels import PixelScale, patchify, unpatchify
from maskwright.patches.prediction import Prediction
from maskwright.patches.target import FittedTarget, PatchShape, PixelTarget, measure_target
from maskwright.support.seeding import sample_rng
from maskwright.targets.building import build_target
from maskwright.visual.error_map import color_map
from maskwright.visual.picture_grid import GridLine, picture_grid
from maskwright.visual.png import to_png_bytes
from maskwright.visual.tiles import to_tile
from maskwright.weights.extractors import load_extractor
from site_pages.materials import MODEL, QUIET, Materials

# Pictures of targets: 96 pixels in patches of 8.
SIDE, PATCH = 96, 8


def draw_policy(materials: Materials, line: str, out: Path) -> None:
    """The masks of a policy on three photographs, and how often it hides each place."""
    # Components are fitted on pictures, and three are too few.
    pictures = materials.cuts if hides_components(line) else materials.store
    # Only a policy that names a run needs one to be trained.
    if "RUN" in line:
        _ = materials.scorer
    # Files are named as a user would: the line is the heading of the picture.
    with chdir(materials.place):
        maskwright.masks(
            str(pictures),
            policy=[line],
            image_size=96,
            patch_size=12,
            draws=256,
            pictures=3,
            out=str(out.resolve()),
            reporter=QUIET,
        )
    # The numbers beside the gallery are of no use here.
    out.with_suffix(".json").unlink(missing_ok=True)


def draw_loss(materials: Materials, line: str, out: Path) -> None:
    """A photograph, its prediction, and where a term would change the prediction."""
    loaded = materials.model
    grid = loaded.model.grid
    images = loaded.scale.to_model(materials.batch(32))
    rng = sample_rng(0, 0, torch.arange(len(images)), "gallery")
    mask = split(rng.uniform(grid.num_patches), grid.num_patches // 2, rng=rng.fork("split"))
    with torch.no_grad():
        prediction = loaded.model(images, mask)

    # The slope is asked of what the model put out, not of its weights.
    values = prediction.values.detach().requires_grad_()
    latent = prediction.latent.detach().requires_grad_()
    prediction = replace(prediction, values=values, latent=latent)
    term = build_objective(line, loaded.scale, load_extractor)
    term(prediction, images).total.backward()
    if values.grad is not None:
        slope = _pixel_slope(prediction, mask, grid)
    else:
        slope = _token_slope(prediction, mask, grid)
    # The brightest hundredth is cut off, so that single pixels do not darken all others.
    composite = loaded.scale.to_display(prediction.to_picture().composite.detach())
    truth = loaded.scale.to_display(images)
    maps = [color_map(shown, float(shown.quantile(0.99)) or 1.0) for shown in slope]
    _save_grid(out, {"picture": truth, "prediction": composite, "slope": maps})


def _pixel_slope(prediction: Prediction, mask: PatchMask, grid: Grid) -> Tensor:
    """(B, H, W) lengths of the slope at predicted pixels, 0 elsewhere."""
    blank = torch.zeros_like(prediction.patches)
    return unpatchify(put(blank, mask.predicted_ids, prediction.values.grad), grid).abs().mean(1)


def _token_slope(prediction: Prediction, mask: PatchMask, grid: Grid) -> Tensor:
    """(B, H, W) lengths of the slope at the tokens of visible patches, 0 elsewhere."""
    assert prediction.latent.grad is not None
    lengths = prediction.latent.grad[:, prediction.num_prefix :].norm(dim=2, keepdim=True)
    blank = torch.zeros(len(lengths), grid.num_patches, 1)
    slope = put(blank, mask.visible_ids, lengths).unflatten(1, (grid.rows, grid.cols))[..., 0]
    # (B, rows, cols) -> (B, H, W)
    return slope.repeat_interleave(grid.patch_size, 1).repeat_interleave(grid.patch_size, 2)


def draw_target(materials: Materials, line: str, out: Path) -> None:
    """A photograph, and its target as pixels or as colors."""
    images = materials.batch(SIDE)
    scale = PixelScale((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    grid = Grid.of_image(SIDE, SIDE, PATCH)
    pictures = scale.to_model(images)
    patches = patchify(pictures, PATCH)
    target = build_target(line, PatchShape(PATCH, 3))
    if isinstance(target, FittedTarget):
        target.fit([patches])
    if target.traits.network is not None:
        # A training asks its own average; here the model of the zoo answers.
        tokens = maskwright.load(MODEL).encode(images).patches
        # Less the mean at each place: what tells places apart would hide all else.
        shown = _as_colors(tokens - tokens.mean(0), tokens.shape[1])
    else:
        ids = torch.arange(grid.num_patches).expand(len(images), -1)
        values = measure_target(target, patches, grid, ids)
        if isinstance(target, PixelTarget):
            # Normalized patches are shown as they are predicted, without mean and deviation.
            as_pixels = values if target.traits.needs_stats else target.to_pixels(values, None)
            shown = _stretched(scale.to_display(unpatchify(as_pixels.float(), grid)))
        else:
            shown = _as_colors(values, grid.num_patches)
    _save_grid(out, {"picture": scale.to_display(pictures), "target": shown})


def _stretched(pictures: Tensor) -> Tensor:
    """Pictures too faint to see, with a deviation of 0.15; others as they are."""
    spread = float(pictures.std(dim=(2, 3)).mean())
    if spread > 0.05:
        return pictures
    middle = pictures.mean(dim=(2, 3), keepdim=True)
    return (0.5 + (pictures - middle) * 0.15 / spread).clamp(0, 1)


def draw_sources(out: Path) -> None:
    """Pictures of each source that is rendered."""
    lines = []
    for name in ("dead-leaves", "shapes-textures"):
        source = open_source(f"{name}:n=6,size=96")
        tiles = []
        for index in range(6):
            picture = torch.from_numpy(np.array(source.read(index)))
            tiles.append(to_tile(picture.permute(2, 0, 1).float() / 255))
        lines.append(GridLine(tiles, (), titles=(name, *[""] * 5), last=False))
    out.write_bytes(to_png_bytes(picture_grid(lines)))


def _as_colors(values: Tensor, count: int) -> Tensor:
    """(B, 3, side, side) colors in [0, 1]: three principal components of (B, count, T) values."""
    # One set of axes for all pictures, so that equal colors mean equal values.
    flat = values.float().reshape(-1, values.shape[-1])
    flat = flat - flat.mean(0)
    # A seed of its own: the routine draws at random.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        _, _, axes = torch.pca_lowrank(flat, q=3, center=False)
    three = flat @ axes
    low, high = three.quantile(0.02, dim=0), three.quantile(0.98, dim=0)
    unit = ((three - low) / (high - low)).clamp(0, 1).reshape(len(values), count, 3)
    rows = round(count**0.5)
    small = unit.reshape(len(values), rows, rows, 3).permute(0, 3, 1, 2)
    return small.repeat_interleave(SIDE // rows, 2).repeat_interleave(SIDE // rows, 3)


def _save_grid(out: Path, columns: dict[str, Tensor | list[Tensor]]) -> None:
    """Save pictures in [0, 1] side by side, one row for each photograph."""
    lines = []
    for row in range(len(next(iter(columns.values())))):
        tiles = [to_tile(pictures[row]) for pictures in columns.values()]
        titles = tuple(columns) if row == 0 else ()
        lines.append(GridLine(tiles, (), titles=titles, last=False))
    out.write_bytes(to_png_bytes(picture_grid(lines)))
