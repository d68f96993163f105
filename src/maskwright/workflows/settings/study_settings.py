"""Every setting of `maskwright study`, `compare` and `publish`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.arguments import Arguments
from maskwright.workflows.settings.fields import leaves, setting
from maskwright.workflows.settings.pretrain_settings import SECTIONS

# Said by both commands.
SEEDS = "how many seeds, or which ones, e.g. 5 or 0,1,7"
BUDGET = (
    "what every arm may spend: steps=, images= (each mask of a picture counts), tokens=, flops= or"
    " minutes="
)
MEASURING = "measuring"


@dataclass(frozen=True, kw_only=True)
class RunStudySettings:
    """How a study is run, not what it compares."""

    out: str | None = setting(
        None, help="the study's folder (default: studies/NAME)", metavar="FOLDER"
    )
    workers: int = setting(1, help="processes of this machine that share the trials")
    # Where the work is done.
    launcher: str | None = setting(
        None,
        help=(
            "start the workers elsewhere: slurm or ray, or e.g. \"slurm(slurm_partition='gpu',"
            ' gpus_per_node=1, timeout_min=240)" or "ray(address=\'auto\', num_gpus=1)"'
        ),
    )
    ledger: str | None = setting(
        None,
        help=(
            "postgresql://USER@HOST/DATABASE, to share the trials with other machines (default:"
            " SQLite in the study's folder)"
        ),
    )
    # What happens to trials that are there.
    rebuild: bool = setting(
        False, help="rebuild the ledger from the trials' folders, while no worker runs"
    )
    retry_failed: bool = setting(False, help="run the trials that failed again")
    dry_run: bool = setting(False, help="say what each arm will cost and stop")
    track: list[str] = setting([], help="also send every trial to mlflow, wandb or tensorboard")

    def running(self) -> dict[str, Any]:
        """How the study is run, by name."""
        return {item.name: getattr(self, item.name) for item in fields(RunStudySettings)}


@dataclass(frozen=True, kw_only=True)
class StudySettings(RunStudySettings):
    """Which plan is run, and what is asked instead of what it says."""

    plan: str = setting(
        help="a YAML plan, or the name of one that comes with the package",
        positional=True,
        metavar="PLAN",
    )
    data: str | None = setting(None, help="pictures, instead of the plan's")
    scale: str | None = setting(
        None,
        help=(
            "full: the sizes and lengths of the project that a packaged plan follows (default:"
            " small, what two CPU cores do)"
        ),
    )
    # What the plan says otherwise.
    seeds: Any = setting(None, help=f"{SEEDS}, instead of the plan's")
    budget: Any = setting(None, help=f"{BUDGET}, or none, instead of the plan's")
    arms: str | None = setting(
        None, help='names of the arms to keep, separated by ";"; the baseline always stays'
    )
    probes: str | None = setting(
        None, help="probes as for evaluate, or none, instead of the plan's"
    )
    assignments: list[str] = setting(
        [],
        help=(
            "section.name=value, a setting that all arms share; evaluate.name=value, how they are"
            " measured; select.name=value, how scorers are trained; may be repeated"
        ),
        flag="set",
        many=True,
        metavar="SECTION.NAME=VALUE",
    )
    copy: str | None = setting(
        None, help="write the plan to this .yaml file, to change it, and stop", metavar="FILE"
    )
    search: int | None = setting(
        None,
        help=(
            "instead of the arms, let Optuna try this many settings inside the plan's `search`"
            " ranges"
        ),
    )

    def running(self) -> dict[str, Any]:
        """How the study is run, by name."""
        return {**super().running(), "search": self.search}

    def changes(self) -> dict[str, Any]:
        """What was said instead of the plan, in the words of a plan; None: as the plan says."""
        return {
            "seeds": self.seeds,
            "budget": self.budget,
            "only": self.arms,
            "probes": self.probes,
            "assignments": self.assignments or None,
        }


@dataclass(frozen=True, kw_only=True)
class CompareSettings(RunStudySettings):
    """Which policies are compared, and how they are measured."""

    data: str = setting(help=help_texts.PICTURES, positional=True, metavar="DATA")
    policies: Any = setting(
        None,
        help=(
            'policies separated by ; or commas, the first is the baseline: "random; block(size=2)"'
        ),
    )
    seeds: Any = setting(5, help=SEEDS)
    budget: Any = setting(None, help=BUDGET)
    recipe: str | None = setting(
        None, help="settings that all arms share, from a .yaml file or a recipe's name"
    )
    name: str | None = setting(None, help="what the study is called")
    # A plan holds only what was said, so these have no defaults here.
    probes: Any = setting(
        None,
        help=(
            "probes as for evaluate, such as knn,linear, or none (default: knn,linear where there"
            " are labels)"
        ),
        group=MEASURING,
    )
    eval_data: str | None = setting(
        None, help="labeled pictures for the probes (default: DATA)", group=MEASURING
    )
    eval_limit: int | None = setting(None, help=help_texts.PROBE_LIMIT, group=MEASURING)
    masks: Any = setting(
        None,
        help=(
            "common masks, separated by ; or commas (default: 'random 0.75; block(size=2) 0.75;"
            " grid 0.75')"
        ),
        group=MEASURING,
    )
    pictures: int | None = setting(
        None, help="how many pictures are filled in under them (default: 256)", group=MEASURING
    )
    cross: bool | None = setting(
        None, help="also fill in under every other arm's masks (default: true)", group=MEASURING
    )
    main: str | None = setting(
        None, help="the metric that the verdict is about, e.g. 'linear top1'", group=MEASURING
    )

    def __post_init__(self) -> None:
        if self.policies is None:
            raise MaskwrightError(
                "compare needs --policies, such as random,'block(size=2)'. See: maskwright list"
                " policies."
            )

    def measuring(self) -> dict[str, Any]:
        """What was said about measuring, in the words of a plan's section `evaluate`."""
        # The command line says eval_data where a plan says data, which is the study's own there.
        named = {
            "probes": [] if self.probes == "none" else self.probes,
            "data": self.eval_data,
            "limit": self.eval_limit,
            "masks": self.masks,
            "pictures": self.pictures,
            "cross": self.cross,
            "main": self.main,
        }
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class PublishSettings:
    """Which report is copied, and where."""

    study: str = setting(
        help="folder of a finished study, or a published report to rebuild",
        positional=True,
        metavar="STUDY",
    )
    place: str = setting(
        help="folder to write report.html, report.md and study.json to",
        positional=True,
        metavar="PLACE",
    )
    pictures: bool = setting(
        True, help="show some of the pictures; false where their terms do not allow that"
    )


# What a comparison chooses for each trial, and what it says itself, is no setting of its arms.
_TAKEN = {"seed", "policy", *(item.name for item in fields(CompareSettings))}
COMPARE = Arguments(
    CompareSettings, sections=tuple(leaf for leaf in leaves(SECTIONS) if leaf.name not in _TAKEN)
)
