"""Looking at masks before any training: a gallery and the geometry of each policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskwright.data.sources.open import Source
from maskwright.data.sources.survey import Survey
from maskwright.diagnostics.difficulty import MaskDifficulty
from maskwright.diagnostics.findings import number_to_json
from maskwright.diagnostics.geometry import MaskGeometry, measure_geometry
from maskwright.masking.policy import Policy
from maskwright.patches import Grid
from maskwright.patches.mask import check_ratio
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.notebook import lines_html, picture_html, usual_reporter
from maskwright.support.reporting import Reporter, say_result
from maskwright.visual.masks import mask_gallery
from maskwright.workflows.building.mask_samples import (
    gallery_column,
)
from maskwright.workflows.building.policies import ALL, parts, policy_lines
from maskwright.workflows.component_view import (
    ComponentView,
    HiddenNumbers,
    format_hidden,
    hides,
    look_for,
)
from maskwright.workflows.loading.pictures import find, packed
from maskwright.workflows.policy_view import PolicyView, viewable_policy
from maskwright.workflows.runs.figures import png_place, save_picture
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.geometry_choices import choose_geometry
from maskwright.workflows.settings.masks_settings import MasksSettings
from maskwright.workflows.settings.pretrain_settings import DataSettings, parse_size


@dataclass(frozen=True)
class MaskReport:
    """What came out.

    geometry: by policy.
    path: the gallery.
    difficulty: by policy.
    hidden: what policies hide that hide components of whole pictures, by policy.
    """

    geometry: dict[str, MaskGeometry]
    path: Path
    difficulty: dict[str, MaskDifficulty]
    hidden: dict[str, HiddenNumbers] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        """The gallery and its numbers, for notebooks."""
        names = ", ".join(self.geometry or self.hidden)
        lines = format_geometry(self.geometry, self.difficulty) or format_hidden(self.hidden)
        return picture_html(self.path.read_bytes(), f"masks of {names}") + lines_html(lines)


@takes(MasksSettings, "data", "policy")
def masks(settings: MasksSettings, reporter: Reporter | None = None) -> MaskReport:
    """Draw masks of one or several policies (a list, text separated by `;` or commas, or `all` that
    can be used) on pictures and measure them. A policy of your own comes as the object.

    Writes a PNG gallery and a JSON beside it. Geometry is over `draws` masks: distance from hidden
    to visible patches, boundary, visible islands, share masked at the edge and in the center; and
    what copying the nearest visible patch costs on some pictures, 1 being the cost of a picture's
    mean color. Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or usual_reporter()
    by_name = isinstance(settings.data, (str, Path))
    data_settings = _data_settings(settings, by_name)
    source, survey = find(data_settings, None if by_name else settings.data, reporter)
    named = _named(settings.policy)
    if any(map(hides, named.values())):
        return _mask_components(settings, named, source, survey, reporter)
    grid = _grid(settings.image_size, settings.patch_size, survey, settings.ratio)
    channels = 1 if survey.gray else survey.channels
    path = png_place(settings.out)
    # Built before the pictures are decoded, so that a wrong name costs nothing.
    every = settings.policy == ALL
    # With `all`, a policy that does not fit is left out with a note; a named one is refused.
    listener = reporter if every else None
    rules = _rules(named, grid, settings.ratio, channels, listener)
    store = packed(source, grid.image_size, channels, reporter)
    view = PolicyView(store, grid, settings.ratio, settings.seed, store.pixel_scale())
    if every:
        rules = view.usable(rules, reporter)

    report = _measure(view, rules, settings.draws, path)
    _save_gallery(view, rules, settings.pictures, report)
    _write(report, grid, _about(settings, data_settings.data))
    reporter.say(f"{grid}, ratio {settings.ratio:g}, {settings.draws:,} masks of each policy")
    say_result(reporter, format_geometry(report.geometry, report.difficulty))
    reporter.say(f"Gallery: {path}")
    return report


def _about(settings: MasksSettings, data: str) -> dict[str, Any]:
    """How the masks were drawn, for the JSON."""
    return {
        "data": data,
        "ratio": settings.ratio,
        "draws": settings.draws,
        "seed": settings.seed,
    }


def _mask_components(
    settings: MasksSettings,
    named: Mapping[str, str | Policy],
    source: Source,
    survey: Survey,
    reporter: Reporter,
) -> MaskReport:
    """The gallery of policies that hide components: what is seen of pictures, and how much."""
    size, _ = choose_geometry(settings.image_size, settings.patch_size, survey.median)
    looks = [look_for(name, given, settings.ratio) for name, given in named.items()]
    path = png_place(settings.out)
    store = packed(source, parse_size(size), 1 if survey.gray else survey.channels, reporter)
    view = ComponentView(store, parse_size(size), settings.seed)
    hidden = view.save(looks, settings.pictures, settings.draws, path)
    say_result(reporter, format_hidden(hidden))
    reporter.say(f"Gallery: {path}")
    return MaskReport({}, path, {}, hidden)


def _data_settings(settings: MasksSettings, by_name: bool) -> DataSettings:
    """The pictures; an array or a Dataset has no name."""
    return DataSettings(
        data=str(settings.data) if by_name else "python",
        split=settings.split,
        image_size=settings.image_size,
        value_range=settings.value_range,
        pages=settings.pages or "first",
    )


def _measure(view: PolicyView, rules: Mapping[str, Policy], draws: int, path: Path) -> MaskReport:
    """Geometry over many masks, and difficulty on pictures, of each policy."""
    geometry, difficulty = {}, {}
    for name, rule in rules.items():
        geometry[name] = measure_geometry(view.sample(rule, draws), view.grid)
        difficulty[name] = view.difficulty(rule)
    return MaskReport(geometry, path, difficulty)


def _save_gallery(
    view: PolicyView, rules: Mapping[str, Policy], count: int, report: MaskReport
) -> None:
    """Each policy's masks on the same pictures, a column each."""
    batch = view.batch(rules.values(), count)
    columns = []
    for name, rule in rules.items():
        columns.append(gallery_column(name, view.mask(rule, batch), report.geometry[name]))
    save_picture(report.path, mask_gallery(batch.images, columns, view.grid))


def _write(report: MaskReport, grid: Grid, about: dict[str, Any]) -> None:
    """Leave the numbers as JSON beside the gallery."""
    shape = {"data": about["data"], "grid": [grid.rows, grid.cols], "patch_size": grid.patch_size}
    write_json(
        report.path.with_suffix(".json"),
        {**shape, **about, "policies": to_plain(report.geometry, report.difficulty)},
    )


def _grid(
    image_size: int | str | None, patch_size: int | None, survey: Survey, ratio: float
) -> Grid:
    """The grid that was asked for, or one that fits the pictures.

    Raises MaskwrightError for a ratio that it cannot have.
    """
    # What was left open follows from the median picture.
    size, side = choose_geometry(image_size, patch_size, survey.median)
    grid = Grid.of_image(*parse_size(size), side)
    check_ratio(grid.num_patches, ratio)
    return grid


def _named(policy: Any) -> dict[str, str | Policy]:
    """Policies by what stands over their columns: as they were written, or as Python shows them."""
    given = parts(policy)
    if not any(isinstance(item, Policy) for item in given):
        return {line: line for line in policy_lines(policy)}
    return {str(item): item if isinstance(item, Policy) else str(item) for item in given}


def _rules(
    policies: Mapping[str, str | Policy],
    grid: Grid,
    ratio: float,
    channels: int,
    reporter: Reporter | None,
) -> dict[str, Policy]:
    """Build the policies; those that cannot be looked at are named and left out."""
    # Under `all`, some policies need what is not here: files, maps, a trained run.
    rules = {}
    for name, given in policies.items():
        try:
            rules[name] = viewable_policy(given, grid, ratio, channels)
        except MaskwrightError as error:
            if reporter is None:
                raise
            reporter.warn(f"{name} left out: {error}")
    return rules


def format_geometry(
    geometry: dict[str, MaskGeometry], difficulty: dict[str, MaskDifficulty]
) -> list[str]:
    """A table of the numbers, a line per policy."""
    width = max(len(name) for name in (*geometry, "policy"))
    lines: list[str] = []
    for name, shape in geometry.items():
        numbers = {**shape.numbers(), **dict(difficulty[name])}
        if not lines:  # the names of the numbers are the heads of the columns
            heads = "  ".join(f"{head:>10}" for head in numbers)
            lines.append(f"  {'policy':<{width}}  {heads}")
        cells = "  ".join(f"{value:>10.3f}" for value in numbers.values())
        lines.append(f"  {name:<{width}}  {cells}")
    return lines


def to_plain(
    geometry: dict[str, MaskGeometry], difficulty: dict[str, MaskDifficulty]
) -> dict[str, dict[str, Any]]:
    """The same for JSON, with the share masked at each position and the interval of the error."""
    return {
        name: {
            **shape.numbers(),
            "copy_error": number_to_json(difficulty[name].copy_error),
            "share_masked": shape.share_masked.round(4).tolist(),
        }
        for name, shape in geometry.items()
    }
