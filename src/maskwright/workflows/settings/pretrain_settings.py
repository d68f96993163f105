"""Every setting of a pretraining run: sections of frozen dataclasses whose leaf names are the flags
and the Python arguments.

Free of torch, so that help and mistakes answer at once. `None` means: chosen from the data and the
machine (see choices.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from maskwright.data.pixels.value_range import ValueRanges
from maskwright.models.config import DECODERS, POSITIONS, TARGETS
from maskwright.schedules import parse_schedule
from maskwright.support.checks import check_at_least, check_inside, check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.training.optimizers import find_optimizer
from maskwright.workflows.settings.fields import setting


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Which pictures, and how they are cut."""

    data: str = setting(
        help="folder, .npy/.npz, .zip/.tar, shards-{000..127}.tar, list file, or torchvision:NAME",
        positional=True,
        metavar="DATA",
    )
    split: str | None = setting(
        None, help="use this split of the data (train, test, unlabeled ...)"
    )
    labels: str | None = setting(
        None, help="CSV file of file,label; used only to measure, never to train"
    )
    val: str | None = setting(
        None,
        help=(
            "held-out data: a share such as 0.1, a count such as 500, or another DATA (default:"
            " 5%, at most 1000)"
        ),
    )
    test_size: float | None = setting(
        None,
        help=(
            "share set apart for a test after the training, which never sees it; evaluate measures"
            " on it (default: none)"
        ),
    )
    limit: int | None = setting(None, help="use only N pictures, chosen by chance from all")
    image_size: int | str | None = setting(
        None, help="side in pixels after cropping, or HEIGHTxWIDTH"
    )
    channels: int | None = setting(
        None, help="1 for gray, 3 for color; as found in the data by default"
    )
    crop: Literal["random", "center", "stretch"] = setting(
        "random", help="random (resized crop), center or stretch"
    )
    crop_scale: float | None = setting(
        None, help="smallest share of the picture's area that a random crop may take"
    )
    flip: bool = setting(True, help="mirror half of the pictures")
    vertical_flip: bool = setting(False, help="turn half of the pictures upside down")
    rotate: float = setting(0.0, help="most degrees by which a crop is turned, either way")
    brightness: float = setting(
        0.0, help="change of brightness, 0 to 1; 0.4 draws a factor from 0.6 to 1.4"
    )
    contrast: float = setting(0.0, help="change of contrast, 0 to 1")
    saturation: float = setting(0.0, help="change of saturation, 0 to 1")
    hue: float = setting(0.0, help="change of hue as a share of the color circle, 0 to 0.5")
    workers: int | None = setting(None, help="processes that load pictures")
    value_range: str | None = setting(
        None,
        help=(
            "values that mean black and white in files of other than 8 bits, as LOW,HIGH; values"
            " beyond are cut off; measured over a sample by default"
        ),
    )
    pages: Literal["first", "all"] = setting(
        "first", help="first: one picture of each file; all: each page of a TIFF and each frame"
    )
    stream: bool = setting(
        False,
        help=(
            "decode pictures anew each time instead of keeping decoded ones in the cache; for data"
            " too large for it"
        ),
    )

    def __post_init__(self) -> None:
        if self.image_size is not None:
            parse_size(self.image_size)
        check_one_of("crop", self.crop, ("random", "center", "stretch"))
        for name, most in (
            ("crop_scale", 1),
            ("rotate", 180),
            ("brightness", 1),
            ("contrast", 1),
            ("saturation", 1),
            ("hue", 0.5),
        ):
            if getattr(self, name) is not None:
                check_inside(name, getattr(self, name), 0, most)
        check_one_of("pages", self.pages, ("first", "all"))
        if self.value_range is not None:
            ValueRanges.parse(self.value_range)
        if self.test_size is not None and not 0 < self.test_size < 1:
            raise MaskwrightError(
                f"test_size is a share between 0 and 1, such as 0.25; got {self.test_size:g}."
            )
        check_at_least("limit", self.limit, 2)
        check_at_least("workers", self.workers, 0)


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The transformer; a name from `maskwright list models` gives the sizes, single numbers change
    it.
    """

    model: str | None = setting(None, help="a size by name, see: maskwright list models")
    patch_size: int | None = setting(None, help="side of a patch in pixels")
    width: int | None = setting(None, help="width of the encoder, instead of the model's")
    depth: int | None = setting(None, help="layers of the encoder, instead of the model's")
    heads: int | None = setting(None, help="attention heads of the encoder, instead of the model's")
    positions: str = setting("sincos", help="sincos, learned, rotary or none")
    class_token: bool = setting(True, help="whether the encoder has a class token")
    registers: int = setting(0, help="extra learned tokens beside the class token")
    decoder: str | None = setting(
        None,
        help="full (He et al. 2022) or cross (masked queries attend to visible tokens; faster)",
    )
    decoder_width: int | None = setting(None, help="width of the decoder, instead of the model's")
    decoder_depth: int | None = setting(None, help="layers of the decoder, instead of the model's")
    decoder_heads: int | None = setting(
        None, help="attention heads of the decoder, instead of the model's"
    )
    target: Literal["raw", "normalized"] = setting(
        "normalized",
        help=(
            "what is predicted: raw pixels, or pixels normalized by each patch's mean and deviation"
        ),
    )

    def __post_init__(self) -> None:
        check_one_of("positions", self.positions, POSITIONS)
        if self.decoder is not None:
            check_one_of("decoder", self.decoder, DECODERS)
        check_one_of("target", self.target, TARGETS)
        for name in (
            "patch_size",
            "width",
            "depth",
            "heads",
            "decoder_width",
            "decoder_depth",
            "decoder_heads",
        ):
            check_at_least(name, getattr(self, name), 1)
        check_at_least("registers", self.registers, 0)


@dataclass(frozen=True, kw_only=True)
class MaskSettings:
    """Which patches are masked, how many, and how many of them are predicted."""

    policy: str | dict[str, Any] = setting(
        "random",
        help=(
            "rule that picks the masked patches, e.g. random or 'block(size=2)'; see: maskwright"
            " list policies"
        ),
    )
    ratio: float | str = setting(
        0.75,
        help="share of patches masked; a schedule such as 0.5->0.75 works too",
        aliases=("mask_ratio",),
    )
    predict: float | None = setting(None, help="share of the masked patches that are predicted")
    masks_per_image: int = setting(1, help="different masks for each loaded picture in one step")

    def __post_init__(self) -> None:
        parse_schedule(self.ratio)
        if self.predict is not None:
            check_inside("predict", self.predict, 0, 1)
        check_at_least("masks_per_image", self.masks_per_image, 1)


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How the weights are found and for how long; give one of epochs, steps, minutes."""

    epochs: float | None = setting(None, help="passes over the pictures")
    steps: int | None = setting(None, help="optimizer steps, instead of epochs")
    minutes: float | None = setting(None, help="wall-clock minutes, instead of epochs")
    loss: str = setting(
        "mse",
        help=(
            "weighted sum of terms, e.g. 'mse' or 'mse + 0->0.1*laplacian'; see: maskwright list"
            " losses"
        ),
    )
    batch_size: int | None = setting(None, help="pictures per step and process")
    accumulate: int = setting(1, help="steps whose gradients are added before the weights move")
    optimizer: str | None = setting(
        None, help="adamw, or muon (momentum made orthogonal for the weights of blocks)"
    )
    base_lr: float | None = setting(
        None,
        help=(
            "learning rate for 256 pictures; it grows with the batch (adamw), or its square root"
            " (muon)"
        ),
    )
    lr: float | None = setting(None, help="learning rate itself, instead of one for 256 pictures")
    min_lr: float = setting(0.0, help="learning rate at the end")
    warmup: float = setting(0.05, help="share of the training over which the rate rises")
    weight_decay: float = setting(
        0.05, help="decay of weights; vectors (biases, norms, tokens) are spared"
    )
    beta2: float = setting(
        0.95, help="AdamW's second moment decay (under muon that of the rest); the first is 0.9"
    )
    clip: float = setting(1.0, help="largest norm of the gradient; 0 switches clipping off")
    ema: float = setting(0.0, help="decay of an average of the weights, e.g. 0.999; 0 keeps none")
    init: str | None = setting(None, help="start from the weights of this run or checkpoint")
    seed: int = setting(0, help="the one number that all chance comes from")

    def __post_init__(self) -> None:
        given = [name for name in ("epochs", "steps", "minutes") if getattr(self, name) is not None]
        if len(given) > 1:
            raise MaskwrightError(
                f"Give one of epochs, steps and minutes; got {' and '.join(given)}."
            )
        for name in given:
            if getattr(self, name) <= 0:
                raise MaskwrightError(f"{name} must be positive; got {getattr(self, name)}.")
        if self.optimizer is not None:
            find_optimizer(self.optimizer)
        for name in ("batch_size", "accumulate"):
            check_at_least(name, getattr(self, name), 1)
        for name in ("warmup", "beta2", "ema"):
            check_inside(name, getattr(self, name), 0, 1)
        for name in ("base_lr", "lr", "min_lr", "weight_decay", "clip"):
            check_at_least(name, getattr(self, name), 0)


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Where the run goes, on what machine, and what it writes down."""

    out: str | None = setting(None, help="run folder; runs/<data>-<model>-<policy>[-n] by default")
    device: str = setting("auto", help="auto, cpu, cuda or mps")
    devices: int = setting(1, help="how many devices (or CPU processes) of this machine")
    nodes: int = setting(1, help="how many machines")
    strategy: str = setting("auto", help="Lightning strategy for several devices: ddp, fsdp ...")
    precision: str | None = setting(None, help="bf16-mixed, 16-mixed or 32-true")
    compile: bool | None = setting(
        None, help="torch.compile the model; on by default for long CUDA runs only"
    )
    keep: list[int] | None = setting(None, help="epochs whose checkpoint is kept, e.g. 20,50,200")
    save_minutes: float = setting(
        5.0, help="minutes between writes of last.ckpt inside a long epoch"
    )
    sample_every: int | None = setting(None, help="epochs between pictures of reconstructions")
    knn_every: int | None = setting(
        None, help="epochs between k-NN measurements where there are labels; 0 for never"
    )
    track: list[str] = setting(
        ["tensorboard"], help="trackers beside metrics.jsonl: tensorboard, wandb, mlflow, or none"
    )

    def __post_init__(self) -> None:
        unknown = sorted(set(self.track) - {"tensorboard", "wandb", "mlflow", "none"})
        if unknown:
            raise MaskwrightError(
                f"Unknown tracker '{unknown[0]}'; use tensorboard, wandb, mlflow or none."
            )
        if self.precision is not None:
            check_one_of("precision", self.precision, ("bf16-mixed", "16-mixed", "32-true"))
        for name in ("devices", "nodes", "sample_every"):
            check_at_least(name, getattr(self, name), 1)
        check_at_least("knn_every", self.knn_every, 0)


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """All settings of one run, by section."""

    data: DataSettings
    model: ModelSettings = dataclasses.field(default_factory=ModelSettings)
    mask: MaskSettings = dataclasses.field(default_factory=MaskSettings)
    train: TrainSettings = dataclasses.field(default_factory=TrainSettings)
    run: RunSettings = dataclasses.field(default_factory=RunSettings)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Sections of plain values, as config.yaml holds them."""
        return dataclasses.asdict(self)

    def to_flat(self) -> dict[str, Any]:
        """Leaf names and values, as flags and Python arguments use them."""
        return {
            name: value for section in self.to_dict().values() for name, value in section.items()
        }

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> PretrainSettings:
        """Build from leaf names; names must be known (checked by recipes.py)."""
        sections = {}
        for item in dataclasses.fields(cls):
            section = SECTIONS[item.name]
            names = {leaf.name for leaf in dataclasses.fields(section)}
            sections[item.name] = section(
                **{name: value for name, value in values.items() if name in names}
            )
        return cls(**sections)

    def with_values(self, **changes: Any) -> PretrainSettings:
        """The same settings with some leaves changed."""
        return PretrainSettings.from_flat({**self.to_flat(), **changes})


SECTIONS: dict[str, Any] = {
    "data": DataSettings,
    "model": ModelSettings,
    "mask": MaskSettings,
    "train": TrainSettings,
    "run": RunSettings,
}


def parse_size(value: int | str) -> tuple[int, int]:
    """Read 96, "96" or "224x336" as (height, width)."""
    parts = str(value).lower().split("x")
    try:
        sides = [int(part) for part in parts]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise MaskwrightError(
            f"An image size is a number such as 96 or HEIGHTxWIDTH such as 224x336; got '{value}'."
        )
    return sides[0], sides[-1]
