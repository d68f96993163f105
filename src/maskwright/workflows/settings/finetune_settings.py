"""Every setting of fine-tuning; free of torch, so that help and mistakes answer at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from maskwright.support.checks import check_at_least, check_inside, check_one_of
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.conversion import convert
from maskwright.workflows.settings.fields import leaves, setting
from maskwright.workflows.settings.recipes import read_recipe
from maskwright.workflows.settings.shared_settings import TRACK_HELP, check_track

SECTION = "finetune"
CHOICES = {"pooling": ("mean", "cls"), "choose": ("last", "held_out")}
NOT_SETTINGS = (
    "run",
    "from_scratch",
    "device",
    "data",
    "labels",
    "train_split",
    "test_split",
    "shots",
    "test_of",
    "limit",
    "seed",
    "value_range",
    "pages",
)
# Defaults: as many epochs as show this many pictures, within limits ...
_SEEN = 150_000
_EPOCHS = (10, 100)
# ... in batches that make about this many steps an epoch, within limits.
_BATCHES = (16, 128)
_BATCHES_PER_EPOCH = 8


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings:
    """How a classifier is trained from an encoder; the choices fit thousands of labeled pictures,
    not a million.
    """

    # Length: one of the two.
    epochs: float | None = setting(
        None, help="passes over the pictures (default: as many as show 150,000 pictures, 10 to 100)"
    )
    minutes: float | None = setting(None, help=help_texts.MINUTES)
    batch_size: int | None = setting(
        None,
        help="pictures per step, an even number (default: an eighth of the pictures, 16 to 128)",
    )
    # Optimizer: the rate falls from the head down to the first block.
    base_lr: float = setting(
        2e-3, help="learning rate of the head for 256 pictures; the rate used is base x batch / 256"
    )
    lr: float | None = setting(
        None, help="learning rate of the head itself, instead of base x batch / 256"
    )
    min_lr: float = setting(1e-6, help=help_texts.MIN_LR)
    warmup: float = setting(0.05, help=help_texts.WARMUP)
    layer_decay: float = setting(0.75, help="rate of a block over that of the block above it")
    weight_decay: float = setting(0.05, help=help_texts.WEIGHT_DECAY)
    # Regularization and augmentation, as BEiT and MAE fine-tune.
    drop_path: float = setting(0.1, help="how often the last block is skipped; less below")
    mixup: float = setting(0.8, help="alpha of mixup; 0 for none")
    cutmix: float = setting(1.0, help="alpha of cutmix; 0 for none")
    mix_prob: float = setting(1.0, help="share of the batches that are mixed")
    smoothing: float = setting(0.1, help="label smoothing")
    rand_augment: str = setting("rand-m9-mstd0.5-inc1", help="RandAugment in timm's words, or none")
    erase: float = setting(0.25, help="share of the pictures with a rectangle of noise")
    crop_scale: float = setting(0.2, help="least share of a picture that a random crop keeps")
    flip: bool = setting(True, help=help_texts.FLIP)
    # Weights.
    clip: float = setting(1.0, help=help_texts.CLIP)
    ema: float = setting(
        0.0,
        help="measure and keep an average of the weights with this decay, e.g. 0.999; 0 for none",
    )
    # What the head reads, and which epoch is measured.
    pooling: Literal["mean", "cls"] = setting(
        "mean", help="mean of the patch tokens, or the class token"
    )
    choose: Literal["last", "held_out"] = setting(
        "last",
        help=(
            "last: the last epoch is measured; held_out: the best epoch on a part of train that is"
            " held out"
        ),
    )
    held_out: float = setting(0.1, help="share of train that is held out with choose=held_out")
    # The machine.
    precision: str | None = setting(
        None, help="bf16-mixed, 16-mixed or 32-true (default: bf16 where it is fast)"
    )
    workers: int | None = setting(
        None, help="processes that prepare pictures (default: chosen for the machine)"
    )
    save_minutes: float = setting(5.0, help="minutes between writes of last.ckpt inside an epoch")
    track: list[str] = setting(["tensorboard"], help=TRACK_HELP)

    def __post_init__(self) -> None:
        check_track(self.track)
        if self.epochs is not None and self.minutes is not None:
            raise MaskwrightError("Give one of epochs and minutes; got both.")
        for name, known in CHOICES.items():
            check_one_of(name, getattr(self, name), known)
        check_at_least("batch_size", self.batch_size, 2)
        # Mixup pairs each picture with its mirror place in the batch.
        if self.batch_size is not None and self.batch_size % 2:
            raise MaskwrightError(
                f"Pictures are mixed in pairs, so batch_size is even; got {self.batch_size}."
            )
        for name in (
            "base_lr",
            "lr",
            "min_lr",
            "weight_decay",
            "mixup",
            "cutmix",
            "clip",
            "epochs",
            "minutes",
            "workers",
        ):
            check_at_least(name, getattr(self, name), 0)
        for name in ("warmup", "mix_prob", "erase"):
            check_inside(name, getattr(self, name), 0, 1)
        for name in ("drop_path", "smoothing", "ema", "held_out"):
            check_inside(name, getattr(self, name), 0, 0.9999)
        check_inside("layer_decay", self.layer_decay, 0.01, 1)
        check_inside("crop_scale", self.crop_scale, 0.01, 1)

    def fitted(self, pictures: int) -> FinetuneSettings:
        """The same settings with what was left open chosen for a number of pictures."""
        batch = self.batch_size or min(
            max(_largest_power(pictures // _BATCHES_PER_EPOCH), _BATCHES[0]), _BATCHES[1]
        )
        # Few pictures are seen more often, so that the number of pictures seen stays alike.
        epochs = self.epochs
        if epochs is None and self.minutes is None:
            epochs = float(round(min(max(_SEEN / pictures, _EPOCHS[0]), _EPOCHS[1])))
        # Never more than there are, and still even.
        batch = min(batch, pictures - pictures % 2)
        lr = self.base_lr * batch / 256 if self.lr is None else self.lr
        return dataclasses.replace(self, batch_size=batch, epochs=epochs, lr=lr)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def build_finetune_settings(
    given: Mapping[str, Any], assignments: Iterable[str] = (), recipe: str | None = None
) -> FinetuneSettings:
    """Checked settings from the section `finetune` of a recipe, `finetune.name=value` assignments
    and named values, later ones winning.

    Raises MaskwrightError for unknown names, wrong types and values out of range.
    """
    merged = _read_section(recipe) if recipe else {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise MaskwrightError(
                f"--set takes finetune.name=value, e.g. finetune.epochs=20; got '{text}'."
            )
        merged[name.strip().removeprefix(f"{SECTION}.")] = value.strip()
    merged |= {name: value for name, value in given.items() if value is not None}
    # What is given by name replaces what a recipe says in other words.
    for group in (("epochs", "minutes"), ("lr", "base_lr")):
        if any(given.get(name) is not None for name in group):
            merged = {
                name: value
                for name, value in merged.items()
                if name not in group or given.get(name) is not None
            }
    known = {leaf.name: leaf for leaf in leaves({SECTION: FinetuneSettings})}
    for name in merged:
        if name not in known:
            raise MaskwrightError(
                f"Unknown setting '{name}'.{did_you_mean(name, known)} See: maskwright finetune"
                " --help."
            )
    return FinetuneSettings(**{name: convert(known[name], value) for name, value in merged.items()})


def _read_section(recipe: str) -> dict[str, Any]:
    """The settings in a recipe; what a run's config.yaml says about its data and encoder is given
    anew.
    """
    read = read_recipe(recipe).get(SECTION)
    if not isinstance(read, Mapping):
        raise MaskwrightError(
            f"The recipe '{recipe}' has no section `{SECTION}`; it is for another command."
        )
    return {name: value for name, value in read.items() if name not in NOT_SETTINGS}


def _largest_power(count: int) -> int:
    return 1 << max(0, count.bit_length() - 1)
