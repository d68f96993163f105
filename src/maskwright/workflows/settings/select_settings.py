"""Every setting of training a scorer on a frozen run; free of torch, so that help and mistakes
answer at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from maskwright.support.checks import check_at_least, check_inside, check_one_of
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.conversion import convert
from maskwright.workflows.settings.fields import leaves, setting
from maskwright.workflows.settings.recipes import read_recipe
from maskwright.workflows.settings.shared_settings import TRACK_HELP, check_track


@dataclass(frozen=True, kw_only=True)
class SelectSettings:
    """What a scorer learns from, how it is built, and for how long it trains."""

    # Pictures.
    split: str | None = setting(None, help="use this split of the data (default: the run's)")
    val: str | None = setting(
        None,
        help=(
            "pictures to measure on: a share, a count or other data (default: the run's held-out"
            " part)"
        ),
    )
    limit: int | None = setting(
        None, help="use only the first N pictures in a seeded order (default: the run's)"
    )
    crop: Literal["random", "center", "stretch"] = setting("center", help=help_texts.CROP)
    flip: bool = setting(True, help=help_texts.FLIP)
    # What the frozen encoder sees, and how the choice of patches stays differentiable.
    encode: Literal["kept", "all"] = setting(
        "kept",
        help=(
            "kept: hidden patches influence nothing; all: the encoder sees everything first, so"
            " what is kept has seen the rest"
        ),
    )
    mix: Literal["sample", "linear", "interpolate"] | None = setting(
        None,
        help=(
            "sample: a patch is kept or not in each step; linear: kept by a noisy share;"
            " interpolate: by its score itself, no noise (default: sample for kept, linear for all)"
        ),
    )
    # The network that is trained.
    scorer: Literal["transformer", "cnn"] = setting("cnn", help="transformer or cnn")
    scorer_width: int = setting(192, help="width of the scorer")
    scorer_depth: int = setting(2, help="blocks of the scorer")
    scorer_heads: int = setting(4, help="attention heads of a transformer scorer")
    # The loss beside the error of filling in.
    sparsity: float = setting(0.2, help="weight of the squared share kept: larger keeps less")
    entropy: float = setting(1e-6, help="weight of the entropy of the shares")
    # The noisy choice becomes sharper while the training goes on.
    temperature: float = setting(1.0, help="temperature of the noisy choice at the beginning")
    last_temperature: float = setting(0.5, help="temperature from temperature_steps on")
    temperature_steps: int = setting(
        2000, help="steps over which the temperature falls, along a cosine"
    )
    # Length and optimizer.
    epochs: float | None = setting(None, help="passes over the pictures (default: 30)")
    steps: int | None = setting(None, help=help_texts.STEPS)
    minutes: float | None = setting(None, help=help_texts.MINUTES)
    batch_size: int = setting(256, help="pictures per step")
    base_lr: float = setting(
        1.5e-4, help="learning rate for 256 pictures; the rate used is base x batch / 256"
    )
    lr: float | None = setting(None, help="learning rate itself, instead of base x batch / 256")
    warmup: float = setting(0.05, help=help_texts.WARMUP)
    weight_decay: float = setting(0.05, help=help_texts.WEIGHT_DECAY)
    clip: float = setting(0.05, help=help_texts.CLIP)
    # The machine.
    device: str = setting("auto", help=help_texts.DEVICE)
    precision: str | None = setting(None, help=help_texts.PRECISION)
    seed: int = setting(0, help=help_texts.SEED)
    track: list[str] = setting(["tensorboard"], help=TRACK_HELP)

    def __post_init__(self) -> None:
        check_track(self.track)
        given = [name for name in ("epochs", "steps", "minutes") if getattr(self, name) is not None]
        if len(given) > 1:
            raise MaskwrightError(
                f"Give one of epochs, steps and minutes; got {' and '.join(given)}."
            )
        # A patch that is kept by a share would leak through the encoder.
        if self.encode == "kept" and self.mix in ("linear", "interpolate"):
            raise MaskwrightError(
                f"mix='{self.mix}' keeps a share of every patch, so none would be hidden from the"
                " encoder: use encode='all', or mix='sample'."
            )
        if self.mix is not None:
            check_one_of("mix", self.mix, CHOICES["mix"])
        for name in ("crop", "encode", "scorer"):
            check_one_of(name, getattr(self, name), CHOICES[name])
        for name in (
            "batch_size",
            "scorer_width",
            "scorer_depth",
            "scorer_heads",
            "temperature_steps",
            "steps",
        ):
            check_at_least(name, getattr(self, name), 1)
        for name in (
            "sparsity",
            "entropy",
            "base_lr",
            "lr",
            "weight_decay",
            "clip",
            "epochs",
            "minutes",
        ):
            check_at_least(name, getattr(self, name), 0)
        for name in ("temperature", "last_temperature"):
            check_inside(name, getattr(self, name), 0.01, 100)
        check_inside("warmup", self.warmup, 0, 1)

    @property
    def mixing(self) -> Literal["sample", "linear", "interpolate"]:
        """The mix that is used."""
        return self.mix or ("sample" if self.encode == "kept" else "linear")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


CHOICES = {
    "crop": ("random", "center", "stretch"),
    "encode": ("kept", "all"),
    "mix": ("sample", "linear", "interpolate"),
    "scorer": ("transformer", "cnn"),
}


def build_select_settings(
    recipe: str | None, given: Mapping[str, Any]
) -> tuple[dict[str, Any], SelectSettings]:
    """Merge a recipe file and named values, later ones winning; returns what the recipe says
    besides (data) and the checked settings.

    Raises MaskwrightError for unknown names, wrong types and values out of range.
    """
    merged = {
        **(read_select_recipe(recipe) if recipe else {}),
        **{name: value for name, value in given.items() if value is not None},
    }
    # Likewise a rate: --base-lr means nothing beside the recipe's lr, which would win over it.
    if given.get("base_lr") is not None and given.get("lr") is None:
        merged.pop("lr", None)
    # A length given by name replaces the recipe's, even in another unit.
    if any(given.get(name) is not None for name in ("epochs", "steps", "minutes")):
        merged = {
            name: value
            for name, value in merged.items()
            if name not in ("epochs", "steps", "minutes") or given.get(name) is not None
        }
    # What a recipe says about the data is an argument of the command, not a setting.
    besides = {name: merged.pop(name) for name in ("data",) if name in merged}
    known = {leaf.name: leaf for leaf in leaves({"select": SelectSettings})}
    for name in merged:
        if name not in known:
            raise MaskwrightError(
                f"Unknown setting '{name}'.{did_you_mean(name, known)} See: maskwright select"
                " --help."
            )
    return besides, SelectSettings(
        **{name: convert(known[name], value) for name, value in merged.items()}
    )


def read_select_recipe(recipe: str) -> dict[str, Any]:
    """The section `select` of a recipe; raises MaskwrightError for one that has none."""
    read = read_recipe(recipe)
    if not isinstance(read.get("select"), Mapping):
        raise MaskwrightError(
            f"The recipe '{recipe}' has no section `select`; it is for: maskwright pretrain. Try"
            " --recipe select-cifar10@small."
        )
    # What is null stays open, so that a second profile can take a length back.
    return {name: value for name, value in read["select"].items() if value is not None}
