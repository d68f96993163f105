"""What a trained selection is worth, beside random and block masks with the same number kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor

from maskwright.evaluation.selection import (
    Filled,
    FillIn,
    choose_kept,
    describe_counts,
    measure_filled,
    paired_difference,
)
from maskwright.patches import visible_count
from maskwright.schedules import parse_schedule
from maskwright.support.environment import pick_device, versions
from maskwright.support.files import write_json
from maskwright.support.reporting import Reporter
from maskwright.visual.curves import loss_curve
from maskwright.workflows.loading.pictures import eval_images
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.run_folder import RunFolder, now
from maskwright.workflows.selecting.kept_masks import draw_kept
from maskwright.workflows.selecting.sheet import draw_sheet
from maskwright.workflows.selecting.task import SelectTask

# More pictures change the intervals little and take long.
MOST_MEASURED = 1000
# What the encoder sees while it is measured, or while it was trained.
BLIND = "hidden patches influence nothing: the encoder sees kept patches alone"
LEAKY = (
    "the encoder sees every patch before the hidden ones are taken away, so kept features hold"
    " hidden content: not comparable"
)
# Who chose the kept patches, by the name of the row.
WORDS = {
    "selected": "by the scorer, as many as it wants",
    "random, same counts": "at random, as many of each picture as the scorer keeps",
    "selected, equal counts": "by the scorer, the mean count of every picture",
    "random, equal counts": "at random, that count",
    "block, equal counts": "aligned 2x2 blocks, that count",
    "random, as pretrained": "at random, as many as the run itself kept",
}
# Which rows are compared picture by picture, first minus second.
PAIRS = (
    ("selected", "random, same counts"),
    ("selected", "random, equal counts"),
    ("selected, equal counts", "random, equal counts"),
    ("selected, equal counts", "block, equal counts"),
)


def report_selection(task: SelectTask, reporter: Reporter) -> dict[str, Any]:
    """Measure without noise on at most 1,000 pictures, write it down, and say the result.

    Written are report.json, sheet.png and curve.png.
    """
    options, loaded, folder = task.options, task.loaded, task.folder
    device = pick_device(options.device)
    model, grid = loaded.model.to(device), loaded.model.grid
    # Held out where there are any, spread evenly.
    images = eval_images(task.pictures.fixed, task.pictures.size, MOST_MEASURED)
    scorer = task.scorer.to(device)
    logit = choose_kept(scorer, images, loaded.scale, grid.patch_size, device)  # (n, N)
    pretrained_ratio = parse_schedule(task.pretrained["ratio"]).at(1.0)
    pretrained_count = visible_count(grid.num_patches, pretrained_ratio)
    masks, left_out = draw_kept(logit, grid, pretrained_count, options.seed)

    def measure(fill: FillIn, names: Iterable[str]) -> dict[str, Filled]:
        return {
            name: measure_filled(fill, model, images, masks[name], loaded.scale, device)
            for name in names
        }

    filled = measure(model.fill_in, _shown(masks, reporter))
    report = _describe(task, filled, masks["selected"], left_out)
    # What it was trained with, where that is not what anybody could use.
    if options.encode == "all":
        leaky = measure(model.fill_in_leaking, ("selected", "random, same counts"))
        report["as_trained"] = _describe_leaky(leaky, options.seed)
    write_json(folder.path / "report.json", report)
    sheet = draw_sheet(images, logit, filled["selected"], loaded, report)
    save_picture(folder.path / "sheet.png", sheet)
    _save_curve(folder, pretrained_count / grid.num_patches)
    _say(report, folder, reporter)
    return report


def _say(report: Mapping[str, Any], folder: RunFolder, reporter: Reporter) -> None:
    where = (
        f"Written to {folder}: report.json, sheet.png, curve.png, scorer.safetensors. Use it:"
        f" --policy \"learned(path='{folder}')\""
    )
    for line in (*format_report(report), where):
        reporter.say(line)


def _shown(names: Collection[str], reporter: Reporter) -> Iterator[str]:
    """The names in turn, each shown as it is taken."""
    for number, name in enumerate(names):
        reporter.progress("measure", number, len(names), name)
        yield name
    reporter.finish()


def _describe(
    task: SelectTask,
    filled: Mapping[str, Filled],
    selected: Tensor,
    left_out: Mapping[str, str],
) -> dict[str, Any]:
    """What was measured and how, ready for JSON."""
    options = task.options
    masks = {
        name: {"chosen": WORDS[name], **outcome.to_dict(options.seed)}
        for name, outcome in filled.items()
    }
    return {
        "pictures": len(selected),
        "held_out_from_run": task.held_out_from_run,
        "trained_with": {
            "encode": options.encode,
            "mix": options.mixing,
            "means": LEAKY if options.encode == "all" else BLIND,
        },
        "kept": describe_counts(selected),
        "measured_with": BLIND,
        "masks": masks,
        "left_out": dict(left_out),
        "differences": compare(filled, options.seed),
        "interval": (
            "95% bootstrap over pictures, paired for differences; errors of pixels in [0, 1] over"
            " the whole composite"
        ),
        "seed": options.seed,
        "made": now(),
        "versions": versions(),
    }


def _describe_leaky(filled: Mapping[str, Filled], seed: int) -> dict[str, Any]:
    masks = {name: outcome.to_dict(seed) for name, outcome in filled.items()}
    return {"means": LEAKY, "masks": masks, "differences": compare(filled, seed)}


def compare(filled: Mapping[str, Filled], seed: int) -> dict[str, Any]:
    """Paired differences of what was measured, first minus second."""
    gaps: dict[str, Any] = {}
    for first, second in PAIRS:
        if first not in filled or second not in filled:
            continue
        intervals = paired_difference(filled[first], filled[second], seed)
        gaps[f"{first} - {second}"] = {
            name: interval.to_dict() for name, interval in intervals.items()
        }
    return gaps


def format_report(report: Mapping[str, Any]) -> list[str]:
    """The result in a few lines."""
    # The scorer first, then the rivals, then what was compared.
    kept = report["kept"]
    lines = [
        f"Kept: {kept['mean_share']:.1%} of {kept['num_patches']} patches, {kept['mean']:.1f} a"
        f" picture (sd {kept['sd']:.1f}, {kept['min']} to {kept['max']}); {report['pictures']:,}"
        " pictures, no noise"
    ]
    if not report["held_out_from_run"]:
        lines.append("  these pictures may be among those that the run was pretrained on")
    lines += [_format(name, row) for name, row in report["masks"].items()]
    if "as_trained" in report:
        lines.append(
            "  as trained, where kept features have seen what is hidden (not comparable with the"
            " above):"
        )
        lines += [_format(name, row) for name, row in report["as_trained"]["masks"].items()]
    lines += [f"  {name}: left out. {why}" for name, why in report["left_out"].items()]
    for name, gap in report["differences"].items():
        error = gap["composite_mse"]
        lines.append(
            f"  {name}: error {error['value']:+.5f} [{error['low']:+.5f}, {error['high']:+.5f}]"
        )
    return lines


def _format(name: str, row: Mapping[str, Any]) -> str:
    error, psnr = row["composite_mse"]["value"], row["composite_psnr"]["value"]
    return (
        f"  {name:<24} kept {row['kept_share']:6.1%}   composite error"
        f" {error:.5f}   PSNR {psnr:.2f} dB"
    )


def _save_curve(folder: RunFolder, pretrained_share: float) -> None:
    """The share kept over training, with noise and without."""
    # Two lines: noise moves what is kept while training.
    series = {"kept": "training, with noise", "kept_test": "test pictures, without noise"}
    figure = loss_curve(
        folder.metrics(),
        {"as pretrained": pretrained_share},
        x="step",
        series=series,
        title="Kept patches",
        unit="share of patches kept",
    )
    save_picture(folder.path / "curve.png", figure)
