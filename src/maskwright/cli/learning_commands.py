"""The commands that learn, and the one that makes data ready for it: pretrain, select, prepare,
demo.
"""

from __future__ import annotations

from typing import Any

from maskwright.cli.flags import READING, WHERE, Flag, typed


def pretrain_flags() -> list[Flag]:
    from maskwright.workflows.settings.fields import leaves
    from maskwright.workflows.settings.pretrain_settings import SECTIONS

    flags = [
        Flag(
            "recipe",
            "settings from a .yaml file, a RUN/config.yaml or a recipe's name; flags win over it",
        ),
        Flag(
            "set",
            "one setting by section, e.g. model.decoder_depth=2",
            kind="repeat",
            metavar="SECTION.NAME=VALUE",
        ),
        Flag("resume", "go on with an interrupted run exactly where it stopped", kind="switch"),
        Flag("overwrite", "delete the run in --out and start again", kind="switch"),
    ]
    every = list(leaves(SECTIONS))
    data = next(leaf for leaf in every if leaf.name == "data")
    first = Flag("data", data.help, positional=True, optional=True, metavar="DATA")
    return [first, *flags, *(setting_flag(leaf) for leaf in every if leaf is not data)]


def setting_flag(leaf: Any) -> Flag:
    """The flag of one setting."""
    kind = "bool" if leaf.type is bool or leaf.type == bool | None else "value"
    default = ",".join(leaf.default) if isinstance(leaf.default, list) else leaf.default
    shown = str(default).lower() if isinstance(default, bool) else default
    return Flag(
        leaf.name,
        leaf.help,
        kind,
        shown,
        f"{leaf.section} settings",
        leaf.name.upper(),
        aliases=leaf.aliases,
    )


def run_pretrain(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.settings.recipes import build_settings

    given = {name: value for name, value in options.items() if value is not None}
    recipe, assignments = given.pop("recipe", None), given.pop("set", [])
    resume, overwrite = given.pop("resume"), given.pop("overwrite")
    if given.get("data") is not None or recipe or not resume:
        build_settings(recipe, assignments, **given)
    from maskwright.workflows.pretrain import pretrain

    run = pretrain(
        recipe=recipe,
        assignments=assignments,
        resume=resume,
        overwrite=overwrite,
        reporter=ConsoleReporter(),
        **given,
    )
    if run.status["state"] == "stopped":
        raise KeyboardInterrupt


def select_flags() -> list[Flag]:
    from maskwright.workflows.settings.fields import leaves
    from maskwright.workflows.settings.select_settings import SelectSettings

    flags = [
        Flag("run", "run folder whose autoencoder stays frozen", positional=True, metavar="RUN"),
        Flag(
            "data",
            "pictures, as for pretrain (default: the run's own, measured on what the run held out)",
        ),
        Flag("name", "folder under RUN/select (default: <encode>-<scorer>)"),
        Flag("recipe", "settings from the section `select` of a .yaml file; flags win over it"),
        Flag("resume", "go on with an interrupted training", kind="switch"),
        Flag(
            "overwrite", "delete the earlier training of that name and start again", kind="switch"
        ),
    ]
    return [*flags, *(setting_flag(leaf) for leaf in leaves({"select": SelectSettings}))]


def run_select(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.settings.select_settings import build_select_settings

    given = {name: value for name, value in options.items() if value is not None}
    doors = ("run", "data", "name", "recipe", "resume", "overwrite")
    build_select_settings(
        given.get("recipe"), {name: value for name, value in given.items() if name not in doors}
    )
    from maskwright.workflows.select import select

    select(reporter=ConsoleReporter(), **given)


def finetune_flags() -> list[Flag]:
    from maskwright.workflows.settings.fields import leaves
    from maskwright.workflows.settings.finetune_settings import SECTION, FinetuneSettings

    flags = [
        Flag(
            "run",
            "run, weight file or folder, official:NAME or timm:NAME",
            positional=True,
            optional=True,
            metavar="RUN",
        ),
        Flag("data", "labeled pictures, as for pretrain"),
        Flag("labels", "CSV file of file,label, perhaps with a column split"),
        Flag("train_split", "split to learn from (default: train, where the data has one)"),
        Flag("test_split", "split to test on (default: test or val, where the data has one)"),
        Flag(
            "shots",
            "learn from a share of each class such as 10%%, or from a number of pictures of each"
            " such as 5",
        ),
        Flag("fold", "one of the ten folds of torchvision:STL10, 0 to 9, or all"),
        Flag("limit", "use at most this many pictures of each split"),
        Flag("from_scratch", "the same from random weights", kind="bool", default="false"),
        Flag("out", "folder of the run (default: runs/<data>-<run>-finetune)"),
        Flag(
            "recipe",
            "settings from the section `finetune` of a .yaml file or a RUN/config.yaml; flags win"
            " over it",
        ),
        Flag(
            "set",
            "one setting, e.g. finetune.epochs=20",
            kind="repeat",
            metavar="finetune.NAME=VALUE",
        ),
        Flag(
            "resume",
            "go on with the interrupted run in --out exactly where it stopped",
            kind="switch",
        ),
        Flag("overwrite", "delete the run in --out and start again", kind="switch"),
        *READING,
        *WHERE,
    ]
    return [*flags, *(setting_flag(leaf) for leaf in leaves({SECTION: FinetuneSettings}))]


def run_finetune(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.settings.finetune_settings import (
        NOT_SETTINGS,
        build_finetune_settings,
    )

    given = typed(options, limit=int, seed=int)
    given["assignments"] = given.pop("set", [])
    doors = (*NOT_SETTINGS, "fold", "out", "recipe", "assignments", "resume", "overwrite")
    build_finetune_settings(
        {name: value for name, value in given.items() if name not in doors},
        given["assignments"],
        given.get("recipe"),
    )
    from maskwright.workflows.finetune import finetune

    if not finetune(reporter=ConsoleReporter(), **given).report:
        raise KeyboardInterrupt


def prepare_flags() -> list[Flag]:
    return [
        Flag(
            "data",
            "pictures, as for pretrain; a store without --out gets maps where it is",
            positional=True,
            metavar="DATA",
        ),
        Flag("out", "folder for the store", metavar="STORE"),
        Flag(
            "size",
            "shorter side of the stored pictures; about 8/7 of the training size leaves room for"
            " crops",
        ),
        Flag(
            "crop",
            "none, center or smart (square windows that keep heads, else what stands out)",
            default="none",
        ),
        Flag("windows", "most windows of one picture, for heads too far apart for one", default=1),
        Flag(
            "heads",
            "what finds heads: auto, animeface, cascade, a cascade .xml, or none",
            default="auto",
        ),
        Flag(
            "priors",
            "maps to make, e.g. \"foreground, attention(from='runs/mine'),"
            " parts(from='parts.csv')\"; see: maskwright list priors",
        ),
        Flag("channels", "1 for gray, 3 for color; as found by default"),
        Flag("split", "use this split of the data"),
        Flag("labels", "CSV file of file,label"),
        Flag("overwrite", "replace a store of other pictures in --out", kind="switch"),
        *READING,
        *WHERE,
    ]


def run_prepare(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.prepare import prepare

    prepare(
        reporter=ConsoleReporter(), **typed(options, size=int, windows=int, channels=int, seed=int)
    )


def demo_flags() -> list[Flag]:
    return [
        Flag("out", "folder for the demo's run", default="runs/demo"),
        Flag("minutes", "shorten or lengthen the training"),
    ]


def run_demo(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.workflows.demo import demo

    demo(reporter=ConsoleReporter(), **typed(options, minutes=float))
