"""What is measured and kept of a run that hides components: a baseline, sheets, a gallery."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from maskwright.components.mask import ComponentMask
from maskwright.components.parts import HiddenParts
from maskwright.support.files import write_json
from maskwright.training.component_masker import ComponentMasker
from maskwright.training.module import PretrainModule
from maskwright.visual.components import ComponentRow, component_rows
from maskwright.visual.hidden_gallery import hidden_gallery, seen_column
from maskwright.workflows.building.components import hide_samples
from maskwright.workflows.building.mask_samples import MaskDraw
from maskwright.workflows.loading.pictures import Pictures, eval_batch
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.run_folder import RunFolder

# Pictures of a gallery, draws beside each other, and pictures that the baseline is measured on.
SHOWN, DRAWS, MEASURED = 6, 4, 64


def mean_picture_loss(
    module: PretrainModule, masker: ComponentMasker, pictures: Pictures, seed: int
) -> float:
    """The loss of predicting the mean picture: the variance of what is hidden, per value."""
    batch = eval_batch(pictures.fixed, pictures.size, MEASURED)
    images = masker.scale.to_model(batch.images.to(module.device))
    draw = MaskDraw(masker.ratio.at(1.0), seed, purpose="fixed")
    mask = fixed_mask(masker, batch.sample_ids.to(module.device), draw)
    hidden = masker.basis.part(images - masker.basis.mean, mask.is_hidden)
    return float(hidden.square().mean())


def fixed_mask(masker: ComponentMasker, sample_ids: Tensor, draw: MaskDraw) -> ComponentMask:
    """What is hidden of given samples (B,), the same whenever it is asked for."""
    return hide_samples(masker.policy, masker.basis, sample_ids, draw, masker.grid.num_patches)


def rows_of(module: PretrainModule, mask: ComponentMask, images: Tensor) -> list[ComponentRow]:
    """Pictures (B, C, H, W) in the model's numbers with what is predicted of them."""
    parts = HiddenParts.of(module.predict(images, mask))
    captions = [f"{share:.0%} of the hidden part predicted" for share in parts.explained()]
    return component_rows(parts, module.scale, captions)


def show_components(
    pictures: Pictures,
    module: PretrainModule,
    masker: ComponentMasker,
    folder: RunFolder,
    name: str,
) -> dict[str, Any]:
    """Save what is seen of fixed pictures in several draws as masks/NAME.png.

    Returns what the latest masks of the training hide, or nothing before the first.
    """
    batch = eval_batch(pictures.fixed, pictures.size, SHOWN)
    images = masker.scale.to_model(batch.images.to(module.device))
    ids = batch.sample_ids.to(module.device)
    columns = []
    for draw in range(DRAWS):
        # The number of the draw is the seed.
        mask = fixed_mask(masker, ids, MaskDraw(masker.ratio.at(1.0), seed=draw))
        columns.append(seen_column(f"draw {draw + 1}", masker.basis, images, mask, masker.scale))
    save_picture(folder.masks / f"{name}.png", hidden_gallery(batch.images, columns))
    return describe_hidden(masker, folder)


def describe_hidden(masker: ComponentMasker, folder: RunFolder) -> dict[str, Any]:
    """How much the latest masks hide, written down with how often each part was hidden."""
    latest = masker.monitor.masks().float()  # (n, K)
    if not len(latest):
        return {}
    shares = masker.basis.shares.cpu()
    hidden = (latest * shares).sum(1)
    statistics = {
        "hidden_variance": float(hidden.mean()),
        "hidden_parts": float(latest.sum(1).mean()),
        "parts": latest.shape[1],
        **masker.monitor.totals(),
    }
    rounded = {name: round(value, 4) for name, value in statistics.items()}
    times = [round(share, 4) for share in masker.monitor.marginals().tolist()]
    variance = [round(share, 6) for share in shares.tolist()]
    details = {**rounded, "share_hidden": times, "share_of_variance": variance}
    write_json(folder.masks / "statistics.json", details)
    return rounded
