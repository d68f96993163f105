"""The commands by name, each a sentence, its flags and a function that calls one workflow and prints what it returns."""

from __future__ import annotations

from typing import Any

from maskwright.cli.export_commands import TARGET, embed_flags, export_flags, run_embed, run_export
from maskwright.cli.flags import Command, Flag
from maskwright.support.errors import MaskwrightError, unknown_name

WHERE = [
    Flag("device", "auto, cpu, cuda or mps", default="auto"),
    Flag("seed", "the one number that all chance comes from", default=0),
]


def pretrain_flags() -> list[Flag]:
    from maskwright.workflows.fields import leaves
    from maskwright.workflows.settings import SECTIONS

    flags = [
        Flag("recipe", "settings from a .yaml file, a RUN/config.yaml or a recipe's name; flags win over it"),
        Flag("set", "one setting by section, e.g. model.decoder_depth=2", kind="repeat", metavar="SECTION.NAME=VALUE"),
        Flag("resume", "go on with an interrupted run exactly where it stopped", kind="switch"),
        Flag("overwrite", "delete the run in --out and start again", kind="switch"),
    ]
    every = list(leaves(SECTIONS))
    data = next(leaf for leaf in every if leaf.name == "data")
    first = Flag("data", data.help, positional=True, optional=True, metavar="DATA")
    return [first, *flags, *(_flag(leaf) for leaf in every if leaf is not data)]


def _flag(leaf: Any) -> Flag:
    """The flag of one setting."""
    kind = "bool" if leaf.type is bool or leaf.type == bool | None else "value"
    default = ",".join(leaf.default) if isinstance(leaf.default, list) else leaf.default
    shown = str(default).lower() if isinstance(default, bool) else default
    return Flag(leaf.name, leaf.help, kind, shown, f"{leaf.section} settings", leaf.name.upper(), aliases=leaf.aliases)


def run_pretrain(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.recipes import build_settings

    given = {name: value for name, value in options.items() if value is not None}
    recipe, assignments = given.pop("recipe", None), given.pop("set", [])
    resume, overwrite = given.pop("resume"), given.pop("overwrite")
    if given.get("data") is not None or recipe or not resume:
        build_settings(recipe, assignments, **given)
    from maskwright.workflows.pretrain import pretrain

    run = pretrain(recipe=recipe, assignments=assignments, resume=resume, overwrite=overwrite, reporter=ConsoleReporter(), **given)
    if run.status["state"] == "stopped":
        raise KeyboardInterrupt


def evaluate_flags() -> list[Flag]:
    return [
        Flag("run", "run folder or checkpoint", positional=True, metavar="RUN"),
        Flag("data", "labeled pictures, as for pretrain (default: the run's data)"),
        Flag("probe", "what to measure: knn, linear or knn,linear", default="knn,linear"),
        Flag("train_split", "split to fit on (default: train, where the data has one)"),
        Flag("test_split", "split to test on (default: test or val, where the data has one)"),
        Flag("labels", "CSV file of file,label"),
        Flag("baselines", "also measure random weights and raw pixels", kind="bool", default="true"),
        Flag("limit", "use at most this many pictures of each split"),
        *WHERE,
    ]


def run_evaluate(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.evaluate import evaluate

    evaluate(reporter=ConsoleReporter(), **_typed(options, limit=int, seed=int, baselines=_yes))


def reconstruct_flags() -> list[Flag]:
    return [
        Flag("run", "run folder or checkpoint; several, before the images, stand side by side", positional=True, metavar="RUN"),
        Flag("images", "image files, folders of them, or a prepared store", kind="many", positional=True, metavar="IMAGE"),
        Flag("out", "PNG to write (default: <RUN>/reconstructions/<first image>.png)"),
        Flag("policy", "rule that picks the masked patches, several separated by ';', or all (default: the run's)"),
        Flag("ratio", "share of patches masked, or several, e.g. 0.25,0.5,0.75 (default: the run's last)", aliases=("mask_ratio",)),
        Flag("epochs", "all, or e.g. 20,50: the checkpoints that a run kept (pretrain --keep), side by side"),
        Flag("errors", "also show how wrong each pixel is", kind="switch"),
        Flag("full", "predict every pixel: average many masks, and show how far they disagree", kind="switch"),
        Flag("lpips", "also measure LPIPS with these AlexNet weights: imagenet, or a file"),
        Flag("mask", "hole to fill, white = hidden: a picture for all, or a folder of same-named ones", group="a painted hole"),
        Flag("cover", "hide a patch when any, half or all of it lies in the hole (default: any)", group="a painted hole"),
        Flag(
            "fit",
            "resize (whole picture to the model's size) or tile (windows at full resolution) (default: resize)",
            group="a painted hole",
        ),
        Flag("feather", "pixels over which the fill fades in, inside the hole (default: 4)", group="a painted hole"),
        Flag("stats", "how normalized predictions are shown: visible (no leak) or target (oracle)", default="visible"),
        TARGET,
        *WHERE,
    ]


def run_reconstruct(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.reconstruct import reconstruct

    reconstruct(reporter=ConsoleReporter(), **_typed(options, feather=int, seed=int))


def masks_flags() -> list[Flag]:
    return [
        Flag("data", "pictures, as for pretrain", positional=True, metavar="DATA"),
        Flag("policy", "one policy, or several separated by ';'", default="random"),
        Flag("ratio", "share of patches masked", default=0.75, aliases=("mask_ratio",)),
        Flag("image_size", "side in pixels, or HEIGHTxWIDTH"),
        Flag("patch_size", "side of a patch in pixels"),
        Flag("pictures", "how many pictures to show", default=4),
        Flag("draws", "how many masks the statistics are taken over", default=2000),
        Flag("out", "PNG to write", default="masks.png"),
        Flag("split", "use this split of the data"),
        Flag("seed", "the one number that all chance comes from", default=0),
    ]


def run_masks(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.masks import masks

    masks(reporter=ConsoleReporter(), **_typed(options, ratio=float, patch_size=int, pictures=int, draws=int, seed=int))


def select_flags() -> list[Flag]:
    from maskwright.workflows.fields import leaves
    from maskwright.workflows.select_settings import SelectSettings

    flags = [
        Flag("run", "run folder whose autoencoder stays frozen", positional=True, metavar="RUN"),
        Flag("data", "pictures, as for pretrain (default: the run's own, measured on what the run held out)"),
        Flag("name", "folder under RUN/select (default: <encode>-<scorer>)"),
        Flag("recipe", "settings from the section `select` of a .yaml file; flags win over it"),
        Flag("resume", "go on with an interrupted training", kind="switch"),
        Flag("overwrite", "delete the earlier training of that name and start again", kind="switch"),
    ]
    return [*flags, *(_flag(leaf) for leaf in leaves({"select": SelectSettings}))]


def run_select(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.select_settings import build_select_settings

    given = {name: value for name, value in options.items() if value is not None}
    doors = ("run", "data", "name", "recipe", "resume", "overwrite")
    build_select_settings(given.get("recipe"), {name: value for name, value in given.items() if name not in doors})
    from maskwright.workflows.select import select

    select(reporter=ConsoleReporter(), **given)


def prepare_flags() -> list[Flag]:
    return [
        Flag("data", "pictures, as for pretrain; a store without --out gets maps where it is", positional=True, metavar="DATA"),
        Flag("out", "folder for the store", metavar="STORE"),
        Flag("size", "shorter side of the stored pictures; about 8/7 of the training size leaves room for crops"),
        Flag("crop", "none, center or smart (square windows that keep heads, else what stands out)", default="none"),
        Flag("windows", "most windows of one picture, for heads too far apart for one", default=1),
        Flag("heads", "what finds heads: auto, animeface, cascade, a cascade .xml, or none", default="auto"),
        Flag(
            "priors", "maps to make, e.g. \"foreground, attention(from='runs/mine'), parts(from='parts.csv')\"; see: maskwright list priors"
        ),
        Flag("channels", "1 for gray, 3 for color; as found by default"),
        Flag("split", "use this split of the data"),
        Flag("labels", "CSV file of file,label"),
        Flag("overwrite", "replace a store of other pictures in --out", kind="switch"),
        *WHERE,
    ]


def run_prepare(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.prepare import prepare

    prepare(reporter=ConsoleReporter(), **_typed(options, size=int, windows=int, channels=int, seed=int))


def list_flags() -> list[Flag]:
    return [Flag("what", "policies, models, recipes, schedules, losses or priors", positional=True, metavar="WHAT", optional=True)]


def run_list(options: dict[str, Any]) -> None:
    from maskwright.cli.console import print_table, print_text
    from maskwright.workflows.listing import LISTS

    what = options["what"]
    if what is None:
        print_text("\n".join(f"maskwright list {name}" for name in LISTS))
    elif what not in LISTS:
        raise unknown_name("list", what, LISTS)
    else:
        print_table(*LISTS[what]())


def inspect_flags() -> list[Flag]:
    return [Flag("path", "run, weight file or folder, official:NAME or timm:NAME", positional=True, metavar="CKPT_OR_RUN"), TARGET]


def run_inspect(options: dict[str, Any]) -> None:
    from maskwright.cli.console import print_text
    from maskwright.workflows.inspect import describe

    print_text(describe(options["path"], options["target"]))


def run_doctor(options: dict[str, Any]) -> None:
    from maskwright.cli.console import print_table
    from maskwright.workflows.doctor import examine

    findings = examine()
    print_table(("check", "result", "what it means"), [(item.name, item.result, item.meaning) for item in findings])
    if any(item.failed for item in findings):
        raise MaskwrightError("Some checks failed; see the rows above.")


def demo_flags() -> list[Flag]:
    return [Flag("out", "folder for the demo's run", default="runs/demo"), Flag("minutes", "shorten or lengthen the training")]


def run_demo(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.demo import demo

    demo(reporter=ConsoleReporter(), **_typed(options, minutes=float))


def _typed(options: dict[str, Any], **kinds: Any) -> dict[str, Any]:
    """Leave out what was not given and convert the rest."""
    typed = {}
    for name, value in options.items():
        if value is None:
            continue
        try:
            typed[name] = kinds[name](value) if name in kinds else value
        except ValueError as error:
            raise MaskwrightError(f"--{name.replace('_', '-')} = '{value}' is not a number.") from error
    return typed


def _yes(word: str) -> bool:
    if word.lower() not in ("true", "false", "yes", "no"):
        raise MaskwrightError(f"Expected true or false; got '{word}'.")
    return word.lower() in ("true", "yes")


COMMANDS: dict[str, Command] = {
    "pretrain": Command(
        "learn from pictures by masking patches",
        "Pretrain a masked autoencoder on pictures. Only DATA is required; the rest is chosen to fit and printed.",
        pretrain_flags,
        run_pretrain,
    ),
    "prepare": Command(
        "cut and shrink pictures once, with maps of foreground, attention and parts",
        "Write a store of pictures and maps aligned with them; use the folder as DATA everywhere. A killed run goes on when repeated.",
        prepare_flags,
        run_prepare,
    ),
    "evaluate": Command(
        "measure what an encoder learned, on labeled pictures",
        "k-NN and linear probe on frozen features, beside random weights and raw pixels.",
        evaluate_flags,
        run_evaluate,
    ),
    "reconstruct": Command(
        "see what a run fills in: original, masked, prediction, composite",
        "Write one PNG and its numbers: pictures masked by a policy, several runs, policies, ratios or epochs side by side, every pixel "
        "(--full), or a hole that you painted (--mask).",
        reconstruct_flags,
        run_reconstruct,
    ),
    "export": Command(
        "take a model to timm, transformers, ONNX or the official code",
        "Write a model in another format, read it back, and say by how much the two differ.",
        export_flags,
        run_export,
    ),
    "embed": Command(
        "write one vector per picture to a file",
        "Features of all pictures, with keys and labels, as .npz or .parquet.",
        embed_flags,
        run_embed,
    ),
    "masks": Command(
        "look at masks and their geometry before any training", "Write a gallery of masks and print their geometry.", masks_flags, run_masks
    ),
    "select": Command(
        "learn which patches of a picture to keep, on a frozen run",
        "Train a small scorer so that the run's autoencoder fills in the rest best, and measure it beside random masks of the same count.",
        select_flags,
        run_select,
    ),
    "list": Command("list policies, models, recipes, schedules, losses, priors", "What can be named where.", list_flags, run_list),
    "inspect": Command(
        "say what a checkpoint or run folder is", "Kind, sizes, target, whether it can reconstruct.", inspect_flags, run_inspect
    ),
    "doctor": Command("check this machine and the mathematics on it", "Device, precision and self-checks.", list, run_doctor),
    "demo": Command(
        "the whole job on real pictures in a few minutes",
        "Pretrain on solar-cell pictures (package elpv-dataset), then k-NN, linear probe and reconstructions.",
        demo_flags,
        run_demo,
    ),
}
