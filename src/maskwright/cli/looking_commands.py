"""The commands that look at what there is: evaluate, reconstruct, masks, list, inspect, doctor."""

from __future__ import annotations

from typing import Any

from maskwright.cli.export_commands import TARGET
from maskwright.cli.flags import READING, WHERE, Flag, typed, yes
from maskwright.support.errors import MaskwrightError, unknown_name


def evaluate_flags() -> list[Flag]:
    return [
        Flag(
            "run",
            "run folder, checkpoint, timm:NAME or random; several are compared",
            kind="many",
            positional=True,
            metavar="RUN",
        ),
        Flag("data", "labeled pictures, as for pretrain (default: the run's data)"),
        Flag(
            "probe",
            "what to measure, with options: knn(k=5),linear; maskwright list probes has all",
            default="knn,linear",
        ),
        Flag(
            "shots",
            "also a linear probe on few labels: 1%%, 10%% of each class, or 5 of each; several as"
            " 1%%,5",
        ),
        Flag("train_split", "split to fit on (default: train, where the data has one)"),
        Flag("test_split", "split to test on (default: test or val, where the data has one)"),
        Flag("labels", "CSV file of file,label"),
        Flag("baselines", "also measure random weights and raw pixels", default="true"),
        Flag("limit", "use at most this many pictures of each split"),
        Flag("figures", "also draw confusions, and accuracy by depth", default="true"),
        Flag(
            "features",
            "what is read of the encoder: statistics (mean and deviation of all blocks), last"
            " (block), blocks, grid (quarters) or blocks_grid",
            default="statistics",
        ),
        Flag("cache", "keep features for the next time", default="true"),
        Flag("out", "folder for results (default: <RUN>/eval)"),
        *READING,
        *WHERE,
    ]


def run_evaluate(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.evaluate import evaluate

    evaluate(
        reporter=ConsoleReporter(),
        **typed(options, limit=int, seed=int, baselines=yes, figures=yes, cache=yes),
    )


def reconstruct_flags() -> list[Flag]:
    return [
        Flag(
            "run",
            "run folder or checkpoint; several, before the images, stand side by side",
            positional=True,
            metavar="RUN",
        ),
        Flag(
            "images",
            "image files, folders of them, or a prepared store",
            kind="many",
            positional=True,
            metavar="IMAGE",
        ),
        Flag("out", "PNG to write (default: <RUN>/reconstructions/<first image>.png)"),
        Flag(
            "policy",
            "rule that picks the masked patches, several separated by ; or commas, or all (default:"
            " the run's)",
        ),
        Flag(
            "ratio",
            "share of patches masked, or several, e.g. 0.25,0.5,0.75 (default: the run's last)",
            aliases=("mask_ratio",),
        ),
        Flag(
            "epochs",
            "all, or e.g. 20,50: the checkpoints that a run kept (pretrain --keep), side by side",
        ),
        Flag("errors", "also show how wrong each pixel is", kind="switch"),
        Flag(
            "full",
            "predict every pixel: average many masks, and show how far they disagree",
            kind="switch",
        ),
        Flag("lpips", "also measure LPIPS with these AlexNet weights: imagenet, or a file"),
        Flag(
            "mask",
            "hole to fill: white, strokes on a transparent layer, or what was erased; a picture for"
            " all, or a folder of same-named ones",
            group="a painted hole",
        ),
        Flag(
            "cover",
            "hide a patch when any, half or all of it lies in the hole (default: any)",
            group="a painted hole",
        ),
        Flag(
            "fit",
            "resize (whole picture to the model's size) or tile (windows at full resolution)"
            " (default: resize)",
            group="a painted hole",
        ),
        Flag(
            "feather",
            "pixels over which the fill fades in, inside the hole (default: 4)",
            group="a painted hole",
        ),
        Flag(
            "stats",
            "how normalized predictions are shown: visible (no leak) or target (oracle)",
            default="visible",
        ),
        TARGET,
        *READING,
        *WHERE,
    ]


def run_reconstruct(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.reconstruct import reconstruct

    reconstruct(reporter=ConsoleReporter(), **typed(options, feather=int, seed=int))


def masks_flags() -> list[Flag]:
    return [
        Flag("data", "pictures, as for pretrain", positional=True, metavar="DATA"),
        Flag("policy", "one policy, several separated by ; or commas, or all", default="random"),
        Flag("ratio", "share of patches masked", default=0.75, aliases=("mask_ratio",)),
        Flag("image_size", "side in pixels, or HEIGHTxWIDTH"),
        Flag("patch_size", "side of a patch in pixels"),
        Flag("pictures", "how many pictures to show", default=4),
        Flag("draws", "how many masks the statistics are taken over", default=2000),
        Flag("out", "PNG to write", default="masks.png"),
        Flag("split", "use this split of the data"),
        *READING,
        Flag("seed", "the one number that all chance comes from", default=0),
    ]


def run_masks(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.masks import masks

    masks(
        reporter=ConsoleReporter(),
        **typed(options, ratio=float, patch_size=int, pictures=int, draws=int, seed=int),
    )


def list_flags() -> list[Flag]:
    kinds = (
        "policies, models, recipes, studies, schedules, losses, optimizers, priors, probes "
        "or diagnostics"
    )
    return [Flag("what", kinds, positional=True, metavar="WHAT", optional=True)]


def run_list(options: dict[str, Any]) -> None:
    from maskwright.cli.console import print_table, print_text
    from maskwright.studies.listing import list_studies
    from maskwright.workflows.listing import LISTS

    what, lists = options["what"], {**LISTS, "studies": list_studies}
    if what is None:
        print_text("\n".join(f"maskwright list {name}" for name in lists))
    elif what not in lists:
        raise unknown_name("list", what, lists)
    else:
        print_table(*lists[what]())


def inspect_flags() -> list[Flag]:
    return [
        Flag(
            "path",
            "run, weight file or folder, official:NAME or timm:NAME",
            positional=True,
            metavar="CKPT_OR_RUN",
        ),
        TARGET,
    ]


def run_inspect(options: dict[str, Any]) -> None:
    from maskwright.cli.console import print_text
    from maskwright.workflows.inspect import describe

    print_text(describe(options["path"], options["target"]))


def run_doctor(options: dict[str, Any]) -> None:
    from maskwright.cli.console import print_table
    from maskwright.workflows.doctor import examine

    findings = examine()
    print_table(
        ("check", "result", "what it means"),
        [(item.name, item.result, item.meaning) for item in findings],
    )
    if any(item.failed for item in findings):
        raise MaskwrightError("Some checks failed; see the rows above.")
