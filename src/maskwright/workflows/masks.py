"""Looking at masks before any training: a gallery on one's own pictures and the geometry of each
policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from maskwright.data.loader import Batch
from maskwright.data.sources.survey import Survey
from maskwright.data.store.packed import PackedStore
from maskwright.diagnostics.difficulty import MaskDifficulty, measure_difficulty
from maskwright.diagnostics.findings import number_to_json
from maskwright.diagnostics.geometry import MaskGeometry, measure_geometry
from maskwright.masking.policy import Policy
from maskwright.patches import Grid, PatchMask, PixelScale
from maskwright.patches.mask import check_ratio
from maskwright.schedules import Constant
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.visual.masks import mask_gallery
from maskwright.workflows.building.mask_samples import (
    Attend,
    gallery_column,
    mask_pictures,
    sample_masks,
)
from maskwright.workflows.building.module import initialized_policy
from maskwright.workflows.building.policies import ALL, build_checked_policy, policy_lines
from maskwright.workflows.building.teachers import open_teachers, refuse_own
from maskwright.workflows.loading.pictures import eval_batch, find, packed
from maskwright.workflows.runs.figures import png_place, save_picture
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.choices import choose_geometry
from maskwright.workflows.settings.masks_settings import MasksSettings
from maskwright.workflows.settings.pretrain_settings import DataSettings, parse_size

COPIED_PICTURES = 256
"""On how many pictures, at most, the cost of copying a neighbor is measured."""


@dataclass(frozen=True)
class MaskReport:
    """Geometry and difficulty by policy, and where the gallery was written."""

    geometry: dict[str, MaskGeometry]
    path: Path
    difficulty: dict[str, MaskDifficulty]


@takes(MasksSettings, "data", "policy")
def masks(settings: MasksSettings, reporter: Reporter | None = None) -> MaskReport:
    """Draw masks of one or several policies (a list, text separated by `;` or commas, or `all` that
    can be used) on pictures and measure them.

    Writes a PNG gallery and a JSON beside it. Geometry is over `draws` masks: distance from hidden
    to visible patches, boundary, visible islands, share masked at the edge and in the center; and
    what copying the nearest visible patch costs on some pictures, 1 being the cost of a picture's
    mean color. Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or LogReporter()
    by_name = isinstance(settings.data, (str, Path))
    data_settings = DataSettings(
        data=str(settings.data) if by_name else "python",
        split=settings.split,
        image_size=settings.image_size,
        value_range=settings.value_range,
        pages=settings.pages or "first",
    )
    source, found = find(data_settings, None if by_name else settings.data, reporter)
    grid = _grid(settings.image_size, settings.patch_size, found, settings.ratio)
    channels = 1 if found.gray else found.channels
    path = png_place(settings.out)
    every = settings.policy == ALL
    # With `all`, a policy that does not fit is left out with a note; a named one is refused.
    listener = reporter if every else None
    rules = _rules(policy_lines(settings.policy), grid, settings.ratio, channels, listener)
    store = packed(source, grid.image_size, channels, reporter)
    view = View(store, grid, settings.ratio, settings.seed, store.pixel_scale())
    if every:
        rules = view.usable(rules, reporter)
    geometry = {
        name: measure_geometry(view.sample(rule, settings.draws), grid)
        for name, rule in rules.items()
    }
    difficulty = {name: view.difficulty(rule) for name, rule in rules.items()}
    batch = view.batch(rules.values(), settings.pictures)
    columns = [
        gallery_column(name, view.mask(rule, batch), geometry[name]) for name, rule in rules.items()
    ]
    save_picture(path, mask_gallery(batch.images, columns, grid))
    report = MaskReport(geometry, path, difficulty)
    about = {
        "data": data_settings.data,
        "ratio": settings.ratio,
        "draws": settings.draws,
        "seed": settings.seed,
    }
    _write(report, grid, about)
    for line in (
        f"{grid}, ratio {settings.ratio:g}, {settings.draws:,} masks of each policy",
        *format_geometry(geometry, difficulty),
        f"Gallery: {path}",
    ):
        reporter.say(line)
    return report


def _write(report: MaskReport, grid: Grid, about: dict[str, Any]) -> None:
    """Leave the numbers as JSON beside the gallery."""
    shape = {"data": about["data"], "grid": [grid.rows, grid.cols], "patch_size": grid.patch_size}
    write_json(
        report.path.with_suffix(".json"),
        {**shape, **about, "policies": to_plain(report.geometry, report.difficulty)},
    )


def _grid(
    image_size: int | str | None, patch_size: int | None, found: Survey, ratio: float
) -> Grid:
    """The grid that was asked for, or one that fits the pictures; raises MaskwrightError for a
    ratio that it cannot have.
    """
    size, side = choose_geometry(image_size, patch_size, found.median)
    grid = Grid.of_image(*parse_size(size), side)
    check_ratio(grid.num_patches, ratio)
    return grid


def _rules(
    names: Sequence[str], grid: Grid, ratio: float, channels: int, reporter: Reporter | None
) -> dict[str, Policy]:
    """Build the policies; with a reporter, those that cannot be looked at are left out
    and said so.
    """
    rules = {}
    for name in names:
        try:
            rules[name] = lookable(name, grid, ratio, channels)
        except MaskwrightError as error:
            if reporter is None:
                raise
            reporter.warn(f"{name} left out: {error}")
    return rules


@dataclass(frozen=True)
class View:
    """Pictures on which policies are looked at, with encoders opened for those that are guided by
    one.
    """

    store: PackedStore
    grid: Grid
    ratio: float
    seed: int
    scale: PixelScale

    def batch(self, rules: Iterable[Policy], count: int) -> Batch:
        """Pictures spread over the store, with the maps that the policies look at."""
        maps = sorted({name for rule in rules for name in rule.traits.needed("prior")})
        return eval_batch(
            self.store, self.grid.image_size, count, maps, (self.grid.rows, self.grid.cols)
        )

    def sample(self, rule: Policy, draws: int) -> Tensor:
        """(n, N) booleans of many masks."""
        return sample_masks(
            rule,
            self.grid,
            self.ratio,
            draws,
            self.seed,
            self.store,
            scale=self.scale,
            attend=self._attend(rule),
        )

    def usable(self, rules: dict[str, Policy], reporter: Reporter) -> dict[str, Policy]:
        """The policies for which the pictures have what they look at; the others are said."""
        kept = {}
        for name, rule in rules.items():
            try:
                self.sample(rule, 1)
            except MaskwrightError as error:
                reporter.warn(f"{name} left out: {error}")
            else:
                kept[name] = rule
        return kept

    def mask(self, rule: Policy, batch: Batch) -> PatchMask:
        """The masks of one batch of pictures."""
        return mask_pictures(
            rule,
            self.grid,
            self.ratio,
            batch,
            self.seed,
            purpose="look",
            scale=self.scale,
            attend=self._attend(rule),
        )

    def difficulty(self, rule: Policy) -> MaskDifficulty:
        """What copying the nearest visible patch costs on pictures spread over the store, one mask
        each.
        """
        shape = (self.grid.rows, self.grid.cols)
        batch = eval_batch(
            self.store, self.grid.image_size, COPIED_PICTURES, rule.traits.needed("prior"), shape
        )
        return measure_difficulty(batch.images, self.mask(rule, batch), self.grid, self.seed)

    def _attend(self, rule: Policy) -> Attend:
        teachers = open_teachers(rule)
        return lambda source, images: teachers[source].look(images, self.scale, self.grid)


def lookable(name: str, grid: Grid, ratio: float, channels: int) -> Policy:
    """Build a policy that can be looked at without a training: one that learns is as it begins."""
    policy = build_checked_policy(name, grid, Constant(ratio))
    refuse_own(policy)
    return initialized_policy(policy, grid, channels, seed=0, num_pictures=1)


def format_geometry(
    geometry: dict[str, MaskGeometry], difficulty: dict[str, MaskDifficulty]
) -> list[str]:
    """A table of the numbers, a line per policy."""
    width = max(len(name) for name in (*geometry, "policy"))
    rows = {name: {**one.numbers(), **dict(difficulty[name])} for name, one in geometry.items()}
    lines = [
        f"  {'policy':<{width}}  " + "  ".join(f"{head:>10}" for head in next(iter(rows.values())))
    ]
    for name, numbers in rows.items():
        lines.append(
            f"  {name:<{width}}  " + "  ".join(f"{value:>10.3f}" for value in numbers.values())
        )
    return lines


def to_plain(
    geometry: dict[str, MaskGeometry], difficulty: dict[str, MaskDifficulty]
) -> dict[str, dict[str, Any]]:
    """The same for JSON, with the share masked at each position and the interval of the
    copy error.
    """
    return {
        name: {
            **one.numbers(),
            "copy_error": number_to_json(difficulty[name].copy_error),
            "share_masked": one.share_masked.round(4).tolist(),
        }
        for name, one in geometry.items()
    }
