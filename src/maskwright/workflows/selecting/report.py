"""What a trained selection is worth: counts, composites beside random and block masks with the same
number kept, sheet and curve.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from maskwright.evaluation.selection import (
    Filled,
    FillIn,
    choose_kept,
    describe_counts,
    measure_filled,
    paired_difference,
)
from maskwright.masking.block import BlockPolicy
from maskwright.masking.policy import Policy, Scene, check_fits, mask_scene
from maskwright.masking.uniform import RandomPolicy
from maskwright.models.selection import pick
from maskwright.patches import Grid, visible_count
from maskwright.patches.mask import split
from maskwright.schedules import parse_schedule
from maskwright.support.environment import pick_device, versions
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.reporting import Reporter
from maskwright.support.seeding import KeyedRng, sample_rng
from maskwright.visual.curves import loss_curve
from maskwright.visual.selection import SelectionRow, selection_sheet
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.loading.pictures import Pictures, eval_images
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.run_folder import RunFolder, now
from maskwright.workflows.settings.select_settings import SelectSettings

MOST_MEASURED = 1000
SHOWN = 4
BLIND = "hidden patches influence nothing: the encoder sees kept patches alone"
LEAKY = (
    "the encoder sees every patch before the hidden ones are taken away, so kept features hold"
    " hidden content: not comparable"
)
WORDS = {
    "selected": "by the scorer, as many as it wants",
    "random, same counts": "at random, as many of each picture as the scorer keeps",
    "selected, equal counts": "by the scorer, the mean count of every picture",
    "random, equal counts": "at random, that count",
    "block, equal counts": "aligned 2x2 blocks, that count",
    "random, as pretrained": "at random, as many as the run itself kept",
}
PAIRS = (
    ("selected", "random, same counts"),
    ("selected", "random, equal counts"),
    ("selected, equal counts", "random, equal counts"),
    ("selected, equal counts", "block, equal counts"),
)


def report_selection(
    chosen: SelectSettings,
    loaded: LoadedModel,
    scorer: nn.Module,
    pictures: Pictures,
    folder: RunFolder,
    held_out_from_run: bool,
    pretrained: Mapping[str, Any],
    reporter: Reporter,
) -> dict[str, Any]:
    """Measure without noise on at most 1,000 pictures, write report.json, sheet.png and curve.png,
    and say the result.
    """
    device = pick_device(chosen.device)
    model, grid = loaded.model.to(device), loaded.model.grid
    images = eval_images(pictures.fixed, pictures.size, MOST_MEASURED)
    logit = choose_kept(scorer.to(device), images, loaded.scale, grid.patch_size, device)
    own_count = visible_count(grid.num_patches, parse_schedule(pretrained["ratio"]).at(1.0))
    masks, left_out = draw_kept(logit, grid, own_count, chosen.seed)

    def measure(fill: FillIn, names: Iterable[str]) -> dict[str, Filled]:
        return {
            name: measure_filled(fill, model, images, masks[name], loaded.scale, device)
            for name in names
        }

    filled = measure(model.fill_in, _shown(masks, reporter))
    report = _describe(chosen, filled, masks["selected"], left_out, held_out_from_run)
    if chosen.encode == "all":
        leaky = measure(model.fill_in_leaking, ("selected", "random, same counts"))
        report["as_trained"] = _describe_leaky(leaky, chosen.seed)
    write_json(folder.path / "report.json", report)
    save_picture(
        folder.path / "sheet.png", _sheet(images, logit, filled["selected"], grid, loaded, report)
    )
    _save_curve(folder, own_count / grid.num_patches)
    where = (
        f"Written to {folder}: report.json, sheet.png, curve.png, scorer.safetensors. Use it:"
        f" --policy \"learned(path='{folder}')\""
    )
    for line in (*format_report(report), where):
        reporter.say(line)
    return report


def _shown(names: Collection[str], reporter: Reporter) -> Iterator[str]:
    """The names one by one, each said as it is taken."""
    for place, name in enumerate(names):
        reporter.progress("measure", place, len(names), name)
        yield name
    reporter.finish()


def _describe(
    chosen: SelectSettings,
    filled: Mapping[str, Filled],
    selected: Tensor,
    left_out: Mapping[str, str],
    held_out_from_run: bool,
) -> dict[str, Any]:
    """What was measured and how, ready for JSON."""
    return {
        "pictures": len(selected),
        "held_out_from_run": held_out_from_run,
        "trained_with": {
            "encode": chosen.encode,
            "mix": chosen.mixing,
            "means": LEAKY if chosen.encode == "all" else BLIND,
        },
        "kept": describe_counts(selected),
        "measured_with": BLIND,
        "masks": {
            name: {"chosen": WORDS[name], **one.to_dict(chosen.seed)}
            for name, one in filled.items()
        },
        "left_out": dict(left_out),
        "differences": compare(filled, chosen.seed),
        "interval": (
            "95% bootstrap over pictures, paired for differences; errors of pixels in [0, 1] over"
            " the whole composite"
        ),
        "seed": chosen.seed,
        "made": now(),
        "versions": versions(),
    }


def _describe_leaky(filled: Mapping[str, Filled], seed: int) -> dict[str, Any]:
    masks = {name: one.to_dict(seed) for name, one in filled.items()}
    return {"means": LEAKY, "masks": masks, "differences": compare(filled, seed)}


def draw_kept(
    logit: Tensor, grid: Grid, own_count: int, seed: int
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(n, N) booleans of kept patches by how they were chosen, and why a way was left out; chance
    comes from each picture's own stream.
    """
    ids, count = torch.arange(len(logit)), grid.num_patches
    selected = pick(logit)
    counts = selected.sum(1)
    equal = min(max(1, round(float(counts.double().mean()))), count - 1)
    masks = {
        "selected": selected,
        "random, same counts": _first(sample_rng(seed, 0, ids, "same counts").bits(count), counts),
        "selected, equal counts": ~split(-logit, equal, rng=_rng(ids, seed, "equal")).is_masked,
        "random, equal counts": _draw(RandomPolicy(), grid, equal, ids, seed),
        "random, as pretrained": _draw(RandomPolicy(), grid, own_count, ids, seed),
    }
    try:
        check_fits(BlockPolicy(size=2), grid, count - equal)
    except MaskwrightError as error:
        return masks, {"block, equal counts": str(error)}
    return {**masks, "block, equal counts": _draw(BlockPolicy(size=2), grid, equal, ids, seed)}, {}


def compare(filled: Mapping[str, Filled], seed: int) -> dict[str, Any]:
    """Paired differences of what was measured, first minus second."""
    return {
        f"{one} - {other}": {
            name: interval.to_dict()
            for name, interval in paired_difference(filled[one], filled[other], seed).items()
        }
        for one, other in PAIRS
        if one in filled and other in filled
    }


def format_report(report: Mapping[str, Any]) -> list[str]:
    """The result in a few lines."""
    kept = report["kept"]
    lines = [
        f"Kept: {kept['mean_share']:.1%} of {kept['num_patches']} patches, {kept['mean']:.1f} a"
        f" picture (sd {kept['sd']:.1f}, {kept['min']} to {kept['max']}); {report['pictures']:,}"
        " pictures, no noise"
    ]
    if not report["held_out_from_run"]:
        lines.append("  these pictures may be among those that the run was pretrained on")
    lines += [_format(name, one) for name, one in report["masks"].items()]
    if "as_trained" in report:
        lines.append(
            "  as trained, where kept features have seen what is hidden (not comparable with the"
            " above):"
        )
        lines += [_format(name, one) for name, one in report["as_trained"]["masks"].items()]
    lines += [f"  {name}: left out. {why}" for name, why in report["left_out"].items()]
    for name, gap in report["differences"].items():
        error = gap["composite_mse"]
        lines.append(
            f"  {name}: error {error['value']:+.5f} [{error['low']:+.5f}, {error['high']:+.5f}]"
        )
    return lines


def _format(name: str, one: Mapping[str, Any]) -> str:
    psnr = one["composite_psnr"]["value"]
    return (
        f"  {name:<24} kept {one['kept_share']:6.1%}   composite error"
        f" {one['composite_mse']['value']:.5f}   PSNR {psnr:.2f} dB"
    )


def _first(bits: Tensor, counts: Tensor) -> Tensor:
    """Booleans of the `counts` (n,) smallest of each row."""
    return bits.argsort(1).argsort(1) < counts[:, None]


def _draw(policy: Policy, grid: Grid, num_visible: int, ids: Tensor, seed: int) -> Tensor:
    scene = Scene(
        grid=grid,
        num_masked=grid.num_patches - num_visible,
        rng=_rng(ids, seed, "compare"),
        progress=1.0,
        sample_ids=ids,
    )
    return ~mask_scene(policy, scene).is_masked


def _rng(ids: Tensor, seed: int, purpose: str) -> KeyedRng:
    return sample_rng(seed, 0, ids, purpose)


def _sheet(
    images: Tensor,
    logit: Tensor,
    filled: Filled,
    grid: Grid,
    loaded: LoadedModel,
    report: Mapping[str, Any],
) -> Any:
    order = filled.mse.argsort()
    truth = loaded.scale.to_display(loaded.scale.to_model(images))

    def rows(places: Tensor) -> list[SelectionRow]:
        return [
            SelectionRow(
                truth[place],
                filled.composite[place],
                torch.sigmoid(logit[place]),
                filled.is_kept[place],
                f"kept {int(filled.is_kept[place].sum())} of {grid.num_patches}   composite PSNR"
                f" {float(filled.psnr[place]):.1f} dB",
            )
            for place in places.tolist()
        ]

    count = min(SHOWN, max(1, len(images) // 2))
    quarter = order[torch.linspace(0, len(order) - 1, count + 2)[1:-1].long()]
    groups = [
        ("Best composites", rows(order[:count])),
        ("Spread evenly from best to worst", rows(quarter)),
        ("Worst composites", rows(order[-count:])),
    ]
    notes = [
        (
            f"{len(images):,} pictures, no noise; mean kept {report['kept']['mean_share']:.1%}."
            " Wanted: chance of keeping, black 0 to white 1."
        ),
        f"Trained with encode {report['trained_with']['encode']}. Composites here: {BLIND}.",
    ]
    return selection_sheet(groups, grid, "What the scorer keeps", notes)


def _save_curve(folder: RunFolder, own_share: float) -> None:
    """The share kept over training, with noise and without."""
    series = {"kept": "training, with noise", "kept_test": "test pictures, without noise"}
    figure = loss_curve(
        folder.metrics(),
        {"as pretrained": own_share},
        x="step",
        series=series,
        title="Kept patches",
        unit="share of patches kept",
    )
    save_picture(folder.path / "curve.png", figure)
