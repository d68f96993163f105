"""Self-checks: what this machine has, and whether the mathematics comes out right on it."""

from __future__ import annotations

import importlib.metadata
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from maskwright.masking.catalog import build_policy
from maskwright.masking.policy import Scene, mask_scene
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches import Grid, patchify, unpatchify
from maskwright.support.environment import describe_device, pick_device, pick_precision
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import make_folder, write_advice
from maskwright.support.seeding import sample_rng, torch_generator
from maskwright.support.variables import cache_folder


@dataclass(frozen=True)
class MachineCheck:
    """What came out of a check.

    name: of the check.
    result: what came out, in words.
    meaning: what that means for a user.
    failed: whether results on this machine cannot be trusted.
    """

    name: str
    result: str
    meaning: str
    failed: bool = False


def examine_machine() -> list[MachineCheck]:
    """Run all checks; a failed one means that results on this machine cannot be trusted."""
    checked = [_check(name, meaning, test) for name, meaning, test in CHECKS]
    return [*_machine(), *checked]


def _machine() -> Iterator[MachineCheck]:
    """What this machine has."""
    # What a command takes when nothing is said.
    device = pick_device()
    yield MachineCheck(
        "device",
        describe_device(device),
        f"used by default, with precision {pick_precision(device)}",
    )
    for package in ("torch", "torchvision", "timm"):
        yield MachineCheck(package, importlib.metadata.version(package), "installed")
    yield _cache()
    yield MachineCheck(
        "here",
        f"{shutil.disk_usage(Path.cwd()).free / 2**30:.0f} GiB free",
        "runs are written under this folder",
    )


def _cache() -> MachineCheck:
    """Whether the cache can be written."""
    try:
        folder = cache_folder()
        make_folder(folder)
        # By writing there, because permissions alone do not say it.
        tempfile.TemporaryFile(dir=folder).close()
    except MaskwrightError as error:
        return MachineCheck(
            "cache", f"FAILED: {error}", "decoded pictures are kept there", failed=True
        )
    except OSError as error:
        refused = f"FAILED: {error.strerror}: '{folder}'. {write_advice(folder)}"
        return MachineCheck("cache", refused, "decoded pictures are kept there", failed=True)
    free = shutil.disk_usage(folder).free / 2**30
    return MachineCheck(
        "cache", f"{free:.0f} GiB free", f"decoded pictures are kept under {folder}"
    )


def _check(name: str, meaning: str, test: Callable[[], bool]) -> MachineCheck:
    """Run a test; an error is a failure like any other."""
    try:
        passed = test()
    except (RuntimeError, MaskwrightError, AssertionError) as error:
        return MachineCheck(name, f"FAILED: {error}", meaning, failed=True)
    return MachineCheck(name, "ok" if passed else "FAILED", meaning, failed=not passed)


def _patches_come_back() -> bool:
    # No side equals another, so that a mix-up cannot go unseen.
    images = torch.rand(2, 5, 12, 20)
    return torch.equal(unpatchify(patchify(images, 4), Grid(3, 5, 4)), images)


def _counts_are_exact() -> bool:
    # Odd sides: many rules for blocks are wrong there first.
    grid = Grid(7, 9)
    masks = [
        mask_scene(build_policy(name), _scene(grid, 40))
        for name in ("random", "block(size=2)", "rectangles", "green")
    ]
    for mask in masks:
        if mask.num_masked != 40 or not (mask.is_masked.sum(1) == 40).all():
            return False
    return True


def _seeds_repeat() -> bool:
    grid = Grid(8, 8)
    first = mask_scene(build_policy("random"), _scene(grid, 48))
    second = mask_scene(build_policy("random"), _scene(grid, 48))
    return torch.equal(first.masked_ids, second.masked_ids)


def _masked_pixels_are_unseen() -> bool:
    config = ModelConfig(
        image_size=(16, 16),
        patch_size=4,
        width=24,
        depth=2,
        heads=2,
        decoder_width=16,
        decoder_depth=1,
        decoder_heads=2,
    )
    # Small, and of fixed seeds: the verdict is the same everywhere.
    model = MaskedAutoencoder(config, torch_generator(0, "doctor")).eval()
    mask = mask_scene(build_policy("random"), _scene(model.grid, 12))
    images = torch.rand(4, 3, 16, 16, generator=torch_generator(0, "images"))
    # The same pictures with other content under the mask must give the same prediction, bit by bit.
    patches = patchify(images, 4)  # (B, N, P)
    patches[mask.is_masked] = 0.5
    changed = unpatchify(patches, model.grid)
    with torch.no_grad():
        return torch.equal(model(images, mask).values, model(changed, mask).values)


def _scene(grid: Grid, num_masked: int) -> Scene:
    return Scene(grid=grid, num_masked=num_masked, rng=sample_rng(0, 0, torch.arange(4)))


# Name, meaning and test.
CHECKS: tuple[tuple[str, str, Callable[[], bool]], ...] = (
    ("patches", "cutting into patches and putting back changes nothing", _patches_come_back),
    ("counts", "policies mask exactly as many patches as asked", _counts_are_exact),
    ("seeds", "the same seed gives the same masks", _seeds_repeat),
    ("blindness", "masked pixels never reach the prediction", _masked_pixels_are_unseen),
)
