"""What a run keeps of its masks: a gallery on fixed pictures before and after, and the statistics
of the masks it trained with.
"""

from __future__ import annotations

from typing import Any

from maskwright.diagnostics.geometry import measure_geometry
from maskwright.support.files import write_json
from maskwright.training.module import PretrainModule
from maskwright.visual.masks import mask_gallery
from maskwright.workflows.building.mask_samples import gallery_column, mask_pictures
from maskwright.workflows.loading.pictures import Pictures, eval_batch
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.training.monitors import SHOWN

DRAWS = 4


def show_masks(
    pictures: Pictures, module: PretrainModule, folder: RunFolder, name: str, describe: bool = False
) -> dict[str, Any]:
    """Save a gallery of several draws on fixed pictures under masks/; describe: beside how often
    the training masked each place.

    Returns the statistics of the latest masks of the training, also written to
    masks/statistics.json, when `describe` is set.
    """
    masker, device = module.masker, module.device
    grid = masker.grid
    batch = eval_batch(
        pictures.fixed,
        pictures.size,
        SHOWN,
        masker.policy.traits.needed("prior"),
        (grid.rows, grid.cols),
    )
    moved = batch._replace(
        images=batch.images.to(device),
        sample_ids=batch.sample_ids.to(device),
        priors={name: share.to(device) for name, share in batch.priors.items()},
    )
    ratio = masker.ratio.at(1.0)
    columns = [
        gallery_column(
            f"draw {draw + 1}",
            mask_pictures(
                masker.policy,
                grid,
                ratio,
                moved,
                draw,
                purpose="look",
                scale=module.scale,
                attend=masker.look,
            ),
        )
        for draw in range(DRAWS)
    ]
    statistics: dict[str, Any] = {}
    latest = masker.monitor.masks()
    if describe and len(latest):  # none where a run was resumed after its last step
        geometry = measure_geometry(latest, grid)
        statistics = {**geometry.numbers(), **masker.monitor.totals()}
        shares = masker.monitor.marginals().reshape(grid.rows, grid.cols)
        write_json(
            folder.masks / "statistics.json",
            {**statistics, "share_masked": [[round(x, 4) for x in row] for row in shares.tolist()]},
        )
    save_picture(folder.masks / f"{name}.png", mask_gallery(batch.images, columns, grid))
    return {key: round(value, 4) for key, value in statistics.items()}
