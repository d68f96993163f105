"""How a training goes, where it goes and what it writes down."""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.data.sampling import parse_sampling
from maskwright.support.checks import check_at_least, check_inside, check_one_of
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.training.optimizers import find_optimizer
from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import TRACK_HELP, check_track


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How the weights are found and for how long; give one of epochs, steps, minutes."""

    # Length: one of the three, which rules out the other two.
    epochs: float | None = setting(None, help="passes over the pictures")
    steps: int | None = setting(None, help=help_texts.STEPS)
    minutes: float | None = setting(None, help=help_texts.MINUTES)
    # What a step minimizes and over how many pictures.
    loss: str = setting(
        "mse",
        help=(
            "weighted sum of terms, e.g. 'mse' or 'mse + 0->0.1*laplacian'; see: maskwright list"
            " losses"
        ),
    )
    sample: str = setting(
        "uniform",
        help=(
            "uniform: each picture once in an epoch; blocks: the same, with neighbors read together"
            " (for shards far away); loss: as often as its running loss says, e.g. loss(power=2)"
        ),
    )
    batch_size: int | None = setting(None, help="pictures per step and process")
    accumulate: int = setting(1, help="steps whose gradients are added before the weights move")
    # How the weights move; the rate rises, then falls along half a cosine.
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
    min_lr: float = setting(0.0, help=help_texts.MIN_LR)
    warmup: float = setting(0.05, help=help_texts.WARMUP)
    weight_decay: float = setting(
        0.05, help="decay of weights; vectors (biases, norms, tokens) are spared"
    )
    beta2: float = setting(
        0.95, help="AdamW's second moment decay (under muon that of the rest); the first is 0.9"
    )
    clip: float = setting(1.0, help=help_texts.CLIP)
    # What else happens to the weights.
    ema: float = setting(0.0, help="decay of an average of the weights, e.g. 0.999; 0 keeps none")
    # Where the weights begin, and how gently the training goes on from there.
    init: str | None = setting(
        None,
        help=(
            "start from weights: a run, weight file or folder, official:NAME, timm:NAME or zoo:NAME"
        ),
    )
    layer_decay: float | None = setting(
        None,
        help=(
            "each layer of the encoder learns at this share of the rate of the one above it"
            " (default: 1, less with --init)"
        ),
    )
    decoder_first: float | None = setting(
        None,
        help=(
            "share of the training in which the encoder is held still, so that a new decoder"
            " learns first (default: 0, a little where --init brings no decoder)"
        ),
    )
    seed: int = setting(0, help=help_texts.SEED)

    def __post_init__(self) -> None:
        parse_sampling(self.sample)
        # Two lengths would contradict each other; none is chosen later from the data.
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
        for name in ("warmup", "beta2", "ema", "layer_decay", "decoder_first"):
            if getattr(self, name) is not None:
                check_inside(name, getattr(self, name), 0, 1)
        for name in ("base_lr", "lr", "min_lr", "weight_decay", "clip"):
            check_at_least(name, getattr(self, name), 0)


# `auto` is ddp as soon as there is more than one process.
STRATEGIES = ("auto", "ddp")


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Where the run goes, on what machine, and what it writes down."""

    # Where the run lives.
    out: str | None = setting(None, help="run folder; runs/<data>-<model>-<policy>[-n] by default")
    # What it computes on.
    device: str = setting("auto", help=help_texts.DEVICE)
    devices: int = setting(1, help="how many devices (or CPU processes) of this machine")
    nodes: int = setting(1, help="how many machines")
    strategy: str = setting(
        "auto", help="how several devices work together: ddp, each with a whole copy of the model"
    )
    precision: str | None = setting(None, help=help_texts.PRECISION)
    compile: bool | None = setting(
        None, help="torch.compile the model; on by default for long CUDA runs only"
    )
    # What it leaves behind, beside the last weights.
    keep: list[int] | None = setting(None, help="epochs whose checkpoint is kept, e.g. 20,50,200")
    save_minutes: float = setting(
        5.0, help="minutes between writes of last.ckpt inside a long epoch"
    )
    sample_every: int | None = setting(
        None,
        help=(
            "epochs between pictures of reconstructions; by default about ten times in all, or as"
            " often as a twentieth of --minutes allows"
        ),
    )
    knn_every: int | None = setting(
        None,
        help=(
            "epochs between k-NN measurements where there are labels; by default about ten times"
            " in all, or less often where that would take more than about a tenth of the time; 0"
            " for never"
        ),
    )
    track: list[str] = setting(["tensorboard"], help=TRACK_HELP)

    def __post_init__(self) -> None:
        check_track(self.track)
        if "fsdp" in self.strategy:
            raise MaskwrightError(
                f"--strategy {self.strategy} is not offered: each device holds a whole copy of the"
                " model (ddp), which fits one card up to ViT-H. Use ddp, or leave it out."
            )
        if self.strategy not in STRATEGIES:
            raise unknown_name("strategy", self.strategy, STRATEGIES)
        if self.precision is not None:
            check_one_of("precision", self.precision, ("bf16-mixed", "16-mixed", "32-true"))
        for name in ("devices", "nodes", "sample_every"):
            check_at_least(name, getattr(self, name), 1)
        check_at_least("knn_every", self.knn_every, 0)
