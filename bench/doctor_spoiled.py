"""Spoil trainings on purpose and see whether `maskwright doctor` names what is wrong; healthy ones
must be called healthy.

python bench/doctor_spoiled.py CIFAR10 [--steps 150] [--only NAME ...] [--out FOLDER]

CIFAR10: pictures of 32 pixels, a folder or an archive. The model is half as wide and deep as
vit_nano, so that each run takes some seconds of a quiet core. Prints a line for each: what was
spoiled, the verdict, and what was found; ends with 1 where a spoiled run was not named or a healthy
one was.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

import maskwright
from maskwright.data.loader import AugmentedPictures
from maskwright.losses.objective import Objective, ObjectiveValue
from maskwright.patches.prediction import Prediction
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter
from maskwright.training.optimizers import find_optimizer
from maskwright.workflows.health.checkup import Checkup
from maskwright.workflows.loading.pictures import find, load
from maskwright.workflows.settings.pretrain_settings import DataSettings

PICTURES = 3000
HELD_OUT = 256
SMALL = {"model": "vit_nano", "width": 64, "depth": 3, "heads": 4, "decoder_depth": 1}
BATCH = 32
SIDE = 32
USUAL_RATE = find_optimizer("muon").rate(BATCH)

Spoiler = Callable[[], Any]


class Silent(LogReporter):
    """Nobody listens."""

    def __init__(self) -> None:
        super().__init__(visible=False)


@dataclass(frozen=True)
class Arm:
    """One training.

    pictures: of the names that `make_pictures` knows.
    settings: what differs from the usual.
    expected: the findings that must be made; none for a healthy run.
    learns: whether it may come out as learned all the same.
    during: wraps the training and spoils something that no setting can.
    after: spoils the finished run.
    """

    pictures: str = "cifar"
    settings: dict[str, Any] = field(default_factory=dict)
    expected: tuple[str, ...] = ()
    learns: bool = False
    during: Spoiler = nullcontext
    after: Callable[[Path], None] | None = None


@contextmanager
def other_targets() -> Iterator[None]:
    """Each picture is compared with the patches of another."""
    own = Prediction.targets
    with patch.object(Prediction, "targets", lambda prediction: own(prediction).roll(1, 0)):
        yield


@contextmanager
def some_bad_losses() -> Iterator[None]:
    """Every tenth loss is not a number."""
    call, count = Objective.__call__, iter(range(10**9))

    def spoiled(self: Objective, *given: Any, **named: Any) -> ObjectiveValue:
        value = call(self, *given, **named)
        if torch.is_grad_enabled() and next(count) % 10 == 5:
            return ObjectiveValue(value.total * float("nan"), value.terms, value.weights)
        return value

    with patch.object(Objective, "__call__", spoiled):
        yield


@contextmanager
def slow_pictures() -> Iterator[None]:
    """Each batch takes long to come."""
    get = AugmentedPictures.__getitems__

    def slow(self: AugmentedPictures, plan: Any) -> Any:
        time.sleep(0.5)
        return get(self, plan)

    with patch.object(AugmentedPictures, "__getitems__", slow):
        yield


def put_nan_into_weights(run: Path) -> None:
    """As after a training that diverged without being stopped."""
    path = run / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    name = next(name for name in checkpoint["state_dict"] if name.endswith("qkv.weight"))
    checkpoint["state_dict"][name][0] = float("nan")
    torch.save(checkpoint, path)


ARMS: dict[str, Arm] = {
    # Healthy.
    "healthy, normalized": Arm(learns=True),
    "healthy, raw": Arm(settings={"target": "raw"}, learns=True),
    "healthy, shapes": Arm("shapes", learns=True),
    # Settings.
    "adamw, too short": Arm(settings={"optimizer": "adamw"}, expected=("length", "filling in")),
    "rate x 100": Arm(settings={"lr": 100 * USUAL_RATE}, expected=("learning rate",)),
    "rate x 5, no warm-up": Arm(
        settings={"lr": 5 * USUAL_RATE, "warmup": 0.0}, expected=("learning rate",), learns=True
    ),
    "rate 0": Arm(settings={"lr": 0.0}, expected=("learning rate",)),
    "rate / 1000": Arm(settings={"lr": USUAL_RATE / 1000}, expected=("learning rate",)),
    "20 steps": Arm(settings={"steps": 20}, expected=("length", "filling in")),
    "97 % masked": Arm(settings={"ratio": 0.97}, expected=("visible patches",), learns=True),
    # Pictures.
    "constant pictures": Arm("constant", expected=("empty pictures",)),
    "40 pictures, 75 times": Arm("repeated", expected=("repeated pictures",), learns=True),
    "gray as color": Arm("gray", {"channels": 3}, expected=("gray pictures",), learns=True),
    "patch over objects": Arm("dots", {"patch_size": 8}, expected=("patch size",), learns=True),
    "noise": Arm("noise", expected=("patch size", "filling in")),
    # Faults.
    "target of another": Arm(expected=("filling in",), during=other_targets),
    "bad steps": Arm(expected=("bad steps",), learns=True, during=some_bad_losses),
    "slow pictures": Arm(
        settings={"steps": 60, "workers": 0},
        expected=("data wait",),
        learns=True,
        during=slow_pictures,
    ),
    "NaN weights": Arm(settings={"steps": 20}, expected=("weights",), after=put_nan_into_weights),
}


def make_pictures(name: str, cifar: np.ndarray) -> np.ndarray:
    """(n, 32, 32, 3) uint8 pictures of a kind."""
    rng = np.random.default_rng(0)
    shape = (PICTURES, SIDE, SIDE, 3)
    if name == "constant":
        # Not one byte for all: equal pictures would not be held out.
        return np.broadcast_to(rng.integers(0, 256, (PICTURES, 1, 1, 1)), shape).astype(np.uint8)
    if name == "repeated":
        return np.tile(cifar[:40], (PICTURES // 40, 1, 1, 1))
    if name == "gray":
        return np.repeat(cifar.mean(3, keepdims=True).astype(np.uint8), 3, axis=3)
    if name == "dots":
        # Dots of 2 x 2 at places of their own, brighter and darker than the ground.
        pictures = np.full(shape, 128, np.uint8)
        for picture in pictures:
            for row, col in rng.integers(0, SIDE - 1, (24, 2)):
                picture[row : row + 2, col : col + 2] = rng.integers(0, 256)
        return pictures
    if name == "noise":
        return rng.integers(0, 256, shape).astype(np.uint8)
    return cifar


def read_pictures(data: str) -> np.ndarray:
    """The first pictures of a set, in an order that chance decides."""
    split = "train" if "cifar" in data.lower() else None
    settings = DataSettings(
        data=data, split=split, image_size=SIDE, channels=3, limit=PICTURES, val="0"
    )
    source, _ = find(settings, None, Silent())
    store = load(settings, source, 0, Silent()).train
    return np.stack([store.image(at).permute(1, 2, 0).numpy() for at in range(len(store))])


def examine(name: str, arm: Arm, pictures: np.ndarray, folder: Path, steps: int) -> Checkup:
    """Train, spoil, and ask the doctor."""
    file = folder / f"{arm.pictures}.npy"
    if not file.exists():
        np.save(file, make_pictures(arm.pictures, pictures))
    out = folder / "".join(letter for letter in name if letter.isalnum())
    data = f"shapes-textures:n={PICTURES},size={SIDE}" if arm.pictures == "shapes" else str(file)
    usual = {"steps": steps, "batch_size": BATCH, "image_size": SIDE, "patch_size": 4}
    settings: dict[str, Any] = {
        **usual,
        **SMALL,
        "optimizer": "muon",
        "val": str(HELD_OUT),
        "track": ["none"],
        "device": "cpu",
        **arm.settings,
    }
    with ExitStack() as stack:
        stack.enter_context(arm.during())
        try:
            maskwright.pretrain(
                data, out=out, overwrite=True, checkup=False, reporter=Silent(), **settings
            )
        except MaskwrightError as error:
            # A training that diverges ends with an error; its folder is examined all the same.
            print(f"  ({name}: {error})")
    if arm.after is not None:
        arm.after(out)
    result = maskwright.doctor(out, reporter=Silent(), device="cpu")
    assert isinstance(result, Checkup)
    return result


def is_right(arm: Arm, checkup: Checkup) -> bool:
    """Whether a spoiled run is named, or a healthy one is left in peace."""
    named = {item.name for item in checkup.findings if item.level not in ("good", "fact")}
    if not arm.expected:
        # Short trainings may be called short.
        return checkup.verdict == "learned" and named <= {"length"}
    return set(arm.expected) <= named and (arm.learns or checkup.verdict != "learned")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cifar10")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--out")
    words = parser.parse_args()
    pictures = read_pictures(words.cifar10)
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(words.out or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name, arm in ARMS.items():
            if words.only and name not in words.only:
                continue
            begun = time.monotonic()
            checkup = examine(name, arm, pictures, folder, words.steps)
            right = is_right(arm, checkup)
            wrong += not right
            found = ", ".join(f"{item.name} ({item.level})" for item in checkup.findings)
            print(
                f"{'right' if right else 'WRONG'}  {name:<22} {checkup.verdict:<12} {found} "
                f" {time.monotonic() - begun:.0f} s",
                flush=True,
            )
    print(f"{wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
