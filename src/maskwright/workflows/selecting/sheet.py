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
    scale = loaded.scale
    truth = scale.to_display(scale.to_model(images))

    # By error, the smallest first; groups of few pictures must not overlap.
    order = filled.mse.argsort()
    count = min(SHOWN, max(1, len(images) // 2))
    between = order[torch.linspace(0, len(order) - 1, count + 2)[1:-1].long()]
    groups = [
        ("Best composites", _rows(order[:count], truth, logit, filled)),
        ("Spread evenly from best to worst", _rows(between, truth, logit, filled)),
        ("Worst composites", _rows(order[-count:], truth, logit, filled)),
    ]
    mean_share, encode = report["kept"]["mean_share"], report["trained_with"]["encode"]
    notes = [
        (
            f"{len(images):,} pictures, no noise; mean kept {mean_share:.1%}."
            " Wanted: chance of keeping, black 0 to white 1."
        ),
        f"Trained with encode {encode}. Composites here: {report['measured_with']}.",
    ]
    return selection_sheet(groups, loaded.model.grid, "What the scorer keeps", notes)


def _rows(indexes: Tensor, truth: Tensor, logit: Tensor, filled: Filled) -> list[SelectionRow]:
    """A row for each picture: as it is, composite, chances, what is kept, and numbers."""
    rows = []
    for index in indexes.tolist():
        kept, psnr = filled.is_kept[index], float(filled.psnr[index])
        caption = f"kept {int(kept.sum())} of {len(kept)}   composite PSNR {psnr:.1f} dB"
        chance = torch.sigmoid(logit[index])  # (N,)
        rows.append(SelectionRow(truth[index], filled.composite[index], chance, kept, caption))
    return rows
