"""What a run keeps of its masks: galleries on fixed pictures, and their statistics."""

from __future__ import annotations

from typing import Any

import torch

from maskwright.data.loader import Batch
from maskwright.diagnostics.geometry import measure_geometry
from maskwright.support.files import write_json
from maskwright.training.component_masker import ComponentMasker
from maskwright.training.masker import Masker
from maskwright.training.module import PretrainModule
from maskwright.visual.masks import MaskColumn, mask_gallery
from maskwright.workflows.building.mask_samples import MaskDraw, gallery_column, mask_pictures
from maskwright.workflows.loading.pictures import Pictures, eval_batch
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.training.component_watch import show_components
from maskwright.workflows.training.monitors import SHOWN

# Columns of the gallery: how different two masks of the same picture are.
DRAWS = 4


def show_masks(
    pictures: Pictures, module: PretrainModule, folder: RunFolder, name: str, describe: bool = False
) -> dict[str, Any]:
    """Save a gallery of several draws on fixed pictures as masks/NAME.png.

    describe: also measure the latest masks of the training and write masks/statistics.json.

    Returns those statistics, or nothing.
    """
    masker = module.masker
    if isinstance(masker, ComponentMasker):
        statistics = show_components(pictures, module, masker, folder, name)
        return statistics if describe else {}
    grid = masker.grid
    maps = masker.policy.traits.needed("prior")
    batch = eval_batch(pictures.fixed, pictures.size, SHOWN, maps, grid)
    moved = _moved(batch, module.device)
    columns = [_draw_column(module, moved, draw) for draw in range(DRAWS)]
    statistics = _describe(masker, folder) if describe else {}
    save_picture(folder.masks / f"{name}.png", mask_gallery(batch.images, columns, grid))
    return {key: round(value, 4) for key, value in statistics.items()}


def _moved(batch: Batch, device: torch.device) -> Batch:
    """The batch on the device of the model."""
    return batch._replace(
        images=batch.images.to(device),
        sample_ids=batch.sample_ids.to(device),
        priors={name: share.to(device) for name, share in batch.priors.items()},
    )


def _draw_column(module: PretrainModule, batch: Batch, draw: int) -> MaskColumn:
    """Masks of the pictures under one seed, at the ratio of the end of the training."""
    masker = module.masker
    assert isinstance(masker, Masker)
    # The number of the draw is the seed.
    how = MaskDraw(masker.ratio.at(1.0), seed=draw)
    mask = mask_pictures(masker.policy, masker.grid, batch, how, module.scale, masker.look)
    return gallery_column(f"draw {draw + 1}", mask)


def _describe(masker: Masker, folder: RunFolder) -> dict[str, float]:
    """Geometry and collapse of the training's masks, written down with the share of each place."""
    latest = masker.monitor.masks()  # (n, N)
    if not len(latest):  # a run that was resumed after its last step has drawn none
        return {}
    grid = masker.grid
    statistics = {**measure_geometry(latest, grid).numbers(), **masker.monitor.totals()}
    # (N,) -> (rows, cols): where in the picture masks fall.
    shares = masker.monitor.marginals().reshape(grid.rows, grid.cols)
    rounded = shares.double().round(decimals=4).tolist()
    write_json(folder.masks / "statistics.json", {**statistics, "share_masked": rounded})
    return statistics
