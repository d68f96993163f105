"""Looking at masks before any training: a gallery on one's own pictures and the geometry of each policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from maskwright.diagnostics.geometry import MaskGeometry, measure_geometry
from maskwright.masking.policy import Policy
from maskwright.patches import Grid, PixelScale
from maskwright.patches.mask import check_ratio
from maskwright.schedules import Constant
from maskwright.support.files import write_json
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.visual.masks import MaskColumn, mask_gallery
from maskwright.workflows.choices import choose_geometry
from maskwright.workflows.draw import draw_masks
from maskwright.workflows.loading import eval_images, find, packed
from maskwright.workflows.pictures import save_picture
from maskwright.workflows.policies import build_checked_policy
from maskwright.workflows.settings import DataSettings, parse_size


@dataclass(frozen=True)
class MaskReport:
    """Geometry by policy, and where the gallery was written."""

    geometry: dict[str, MaskGeometry]
    path: Path


def masks(
    data: Any,
    policy: str | Sequence[str] = "random",
    *,
    ratio: float = 0.75,
    image_size: int | str | None = None,
    patch_size: int | None = None,
    pictures: int = 4,
    draws: int = 2000,
    split: str | None = None,
    out: str | Path = "masks.png",
    seed: int = 0,
    reporter: Reporter | None = None,
) -> MaskReport:
    """Draw masks of one or several policies (a list, or text separated by ';') on pictures of `data`, and measure their geometry.

    Writes a PNG gallery and a JSON beside it. Geometry is over `draws` masks: distance from hidden to visible patches, boundary,
    visible islands, share masked at the edge and in the center. Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or LogReporter()
    by_name = isinstance(data, (str, Path))
    settings = DataSettings(data=str(data) if by_name else "python", split=split, image_size=image_size)
    source, found = find(settings, None if by_name else data, reporter)
    size, side = choose_geometry(image_size, patch_size, found.median)
    grid = Grid.of_image(*parse_size(size), side)
    check_ratio(grid.num_patches, ratio)
    names = [word.strip() for word in policy.split(";")] if isinstance(policy, str) else list(policy)
    rules = {name: build_checked_policy(name, grid, Constant(ratio)) for name in names}
    store = packed(source, grid.image_size, 1 if found.gray else found.channels, reporter)
    images, scale = eval_images(store, grid.image_size, pictures), store.pixel_scale()
    geometry = {}
    for name, rule in rules.items():
        seen = scale.to_model(eval_images(store, grid.image_size, draws)) if "images" in rule.traits.needs else None
        drawn = draw_masks(rule, grid, ratio, draws if seen is None else len(seen), seed, images=seen)
        geometry[name] = measure_geometry(drawn.is_masked, grid)
    columns = [gallery_column(name, rule, grid, ratio, images, scale, seed, geometry[name]) for name, rule in rules.items()]
    path = Path(out)
    save_picture(path, mask_gallery(images, columns, grid))
    report = {"data": settings.data, "grid": [grid.rows, grid.cols], "patch_size": side, "ratio": ratio, "draws": draws, "seed": seed}
    shares = {name: {**one.numbers(), "share_masked": one.share_masked.round(4).tolist()} for name, one in geometry.items()}
    write_json(path.with_suffix(".json"), {**report, "policies": shares})
    reporter.say(f"{grid}, ratio {ratio:g}, {draws:,} masks of each policy")
    for line in spell_geometry(geometry):
        reporter.say(line)
    reporter.say(f"Gallery: {path}")
    return MaskReport(geometry, path)


def gallery_column(
    name: str,
    rule: Policy,
    grid: Grid,
    ratio: float,
    images: Tensor,
    scale: PixelScale,
    seed: int,
    geometry: MaskGeometry | None = None,
) -> MaskColumn:
    """One policy of a gallery on these pictures."""
    drawn = draw_masks(rule, grid, ratio, len(images), seed, images=scale.to_model(images))
    if geometry is None:
        return MaskColumn(name, drawn)
    shown = {key: value for key, value in geometry.numbers().items() if key != "ratio"}
    return MaskColumn(name, drawn, geometry.share_masked, shown)


def spell_geometry(geometry: dict[str, MaskGeometry]) -> list[str]:
    """A table of the numbers, a line per policy."""
    width = max(len(name) for name in (*geometry, "policy"))
    heads = list(next(iter(geometry.values())).numbers())
    lines = [f"  {'policy':<{width}}  " + "  ".join(f"{head:>9}" for head in heads)]
    for name, one in geometry.items():
        lines.append(f"  {name:<{width}}  " + "  ".join(f"{value:>9.3f}" for value in one.numbers().values()))
    return lines
