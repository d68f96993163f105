"""The commands that compare: compare, study, and publish for what came out."""

from __future__ import annotations

from typing import Any

from maskwright.cli.flags import Flag, typed
from maskwright.cli.learning_commands import setting_flag
from maskwright.support.errors import MaskwrightError
from maskwright.support.shorthand import split_list

SEEDS = "how many seeds, or which ones, e.g. 5 or 0,1,7"
BUDGET = (
    "what every arm may spend: steps=, images= (each mask of one counts), tokens=, flops= or"
    " minutes="
)


def _running_flags() -> list[Flag]:
    return [
        Flag("out", "the study's folder (default: studies/NAME)", metavar="FOLDER"),
        Flag("workers", "processes of this machine that share the trials", default=1),
        Flag(
            "launcher",
            "start the workers elsewhere: slurm, or e.g. \"slurm(slurm_partition='gpu',"
            ' gpus_per_node=1, timeout_min=240)"',
        ),
        Flag(
            "ledger",
            "postgresql://USER@HOST/DATABASE, to share the trials with other machines (default:"
            " SQLite in the study's folder)",
        ),
        Flag(
            "rebuild",
            "make the ledger anew from the trials' folders, while no worker runs",
            kind="switch",
        ),
        Flag("retry_failed", "run the trials that failed again", kind="switch"),
        Flag("dry_run", "say what each arm will cost and stop", kind="switch"),
        Flag("track", "also send every trial to mlflow, wandb or tensorboard"),
    ]


def study_flags() -> list[Flag]:
    return [
        Flag(
            "plan",
            "a YAML plan, or the name of one that comes with the package",
            positional=True,
            metavar="PLAN",
        ),
        Flag("data", "pictures, instead of the plan's"),
        Flag("seeds", f"{SEEDS}, instead of the plan's"),
        Flag("budget", f"{BUDGET}, instead of the plan's"),
        Flag(
            "search",
            "instead of the arms, let Optuna try this many settings inside the plan's `search`"
            " ranges",
        ),
        *_running_flags(),
    ]


def run_study(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.studies.study import study

    study(reporter=ConsoleReporter(), **_running(options))


def compare_flags() -> list[Flag]:
    from maskwright.workflows.settings.fields import leaves
    from maskwright.workflows.settings.pretrain_settings import SECTIONS

    own = ("data", "seed", "out", "policy", "track", "workers")
    settings = [setting_flag(leaf) for leaf in leaves(SECTIONS) if leaf.name not in own]
    return [
        Flag("data", "pictures, as for pretrain", positional=True, metavar="DATA"),
        Flag(
            "policies",
            'policies separated by ; or commas, the first is the baseline: "random; block(size=2)"',
        ),
        Flag("seeds", SEEDS, default=5),
        Flag("budget", BUDGET),
        Flag("recipe", "settings that all arms share, from a .yaml file or a recipe's name"),
        Flag("name", "what the study is called"),
        *_running_flags(),
        Flag(
            "probes",
            "probes as for evaluate, such as knn,linear, or none (default: knn,linear where there"
            " are labels)",
            group="measuring",
        ),
        Flag("eval_data", "labeled pictures for the probes (default: DATA)", group="measuring"),
        Flag("eval_limit", "most pictures of each split for the probes", group="measuring"),
        Flag(
            "masks",
            "common masks, separated by ; or commas (default: 'random 0.75; block(size=2) 0.75;"
            " grid 0.75')",
            group="measuring",
        ),
        Flag(
            "pictures", "how many pictures are filled in under them", default=256, group="measuring"
        ),
        Flag(
            "cross",
            "also fill in under every other arm's masks",
            kind="bool",
            default="true",
            group="measuring",
        ),
        Flag("main", "the metric that the verdict is about, e.g. 'linear top1'", group="measuring"),
        *settings,
    ]


def run_compare(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.studies.study import compare

    given = _running(options)
    if "policies" not in given:
        raise MaskwrightError(
            "compare needs --policies, such as random,'block(size=2)'. See: maskwright list"
            " policies."
        )
    renamed = {"eval_data": "data", "eval_limit": "limit"}
    names = ("probes", "eval_data", "eval_limit", "masks", "pictures", "cross", "main")
    measuring = {renamed.get(name, name): given.pop(name) for name in names if name in given}
    if measuring.get("probes") == "none":
        measuring["probes"] = []
    compare(
        given.pop("data"),
        given.pop("policies"),
        evaluate=measuring,
        reporter=ConsoleReporter(),
        **given,
    )


def publish_flags() -> list[Flag]:
    return [
        Flag(
            "study",
            "folder of a finished study, or a published report to make anew",
            positional=True,
            metavar="STUDY",
        ),
        Flag(
            "place",
            "folder to write report.html, report.md and study.json to",
            positional=True,
            metavar="PLACE",
        ),
    ]


def run_publish(options: dict[str, Any]) -> None:
    from maskwright.cli.console import ConsoleReporter
    from maskwright.studies.publishing import publish

    publish(options["study"], options["place"], reporter=ConsoleReporter())


def _running(options: dict[str, Any]) -> dict[str, Any]:
    """Options that were given, with their types."""
    given = typed(options, workers=int, eval_limit=int, pictures=int, search=int)
    if "track" in given:
        given["track"] = split_list(given["track"])
    return given
