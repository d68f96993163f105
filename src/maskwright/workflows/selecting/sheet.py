"""The sheet of a selection: what is kept of some pictures, and what the autoencoder makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from maskwright.evaluation.selection import Filled
from maskwright.visual.selection import SelectionRow, selection_sheet
from maskwright.weights.checkpoint import LoadedModel

# Pictures of each group.
SHOWN = 4


def draw_sheet(
    images: Tensor,
    logit: Tensor,
    filled: Filled,
    loaded: LoadedModel,
    report: Mapping[str, Any],
) -> Any:
    """A figure of the best, the worst and some pictures between.

    images: (n, C, H, W) uint8.
    logit: (n, N) of keeping.
    filled: what came out of the scorer's own choice.
    report: as in report.json.
    """
    grid, scale = loaded.model.grid, loaded.scale
    truth = scale.to_display(scale.to_model(images))

    def rows(indexes: Tensor) -> list[SelectionRow]:
        drawn = []
        for index in indexes.tolist():
            kept, psnr = filled.is_kept[index], float(filled.psnr[index])
            caption = f"kept {int(kept.sum())} of {grid.num_patches}   composite PSNR {psnr:.1f} dB"
            chance = torch.sigmoid(logit[index])  # (N,)
            drawn.append(SelectionRow(truth[index], filled.composite[index], chance, kept, caption))
        return drawn

    # By error, the smallest first; groups of few pictures must not overlap.
    order = filled.mse.argsort()
    count = min(SHOWN, max(1, len(images) // 2))
    between = order[torch.linspace(0, len(order) - 1, count + 2)[1:-1].long()]
    groups = [
        ("Best composites", rows(order[:count])),
        ("Spread evenly from best to worst", rows(between)),
        ("Worst composites", rows(order[-count:])),
    ]
    mean_share, encode = report["kept"]["mean_share"], report["trained_with"]["encode"]
    notes = [
        (
            f"{len(images):,} pictures, no noise; mean kept {mean_share:.1%}."
            " Wanted: chance of keeping, black 0 to white 1."
        ),
        f"Trained with encode {encode}. Composites here: {report['measured_with']}.",
    ]
    return selection_sheet(groups, grid, "What the scorer keeps", notes)
