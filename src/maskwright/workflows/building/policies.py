"""Policies from settings: by shorthand, and from the user's own mask files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.masking.catalog import POLICIES, build_policy
from maskwright.masking.given import GivenPolicy, cover_patches
from maskwright.masking.policy import Policy, check_fits
from maskwright.masking.selected import SelectedPolicy
from maskwright.patches import Grid, visible_count
from maskwright.schedules import Schedule
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.shorthand import Call, plain, split_list
from maskwright.weights.scorer_file import load_scorer
from maskwright.workflows.building.painted import read_painted

_MASK_ENDINGS = (".png", ".npy", ".bmp", ".webp")
GIVEN_OPTIONS = ("path", "cover", "choose")


def build_checked_policy(value: str | Mapping[str, Any], grid: Grid, ratio: Schedule) -> Policy:
    """Build a policy for a grid and refuse settings that make no sense on it at the first or the
    last ratio.
    """
    policy = build_policy(
        value,
        {
            "given": lambda call: given_policy(call, grid),
            "learned": lambda call: learned_policy(call, grid),
        },
    )
    for progress in (0.0, 1.0):
        check_fits(
            policy, grid, grid.num_patches - visible_count(grid.num_patches, ratio.at(progress))
        )
    return policy


def given_policy(call: Call, grid: Grid) -> Policy:
    """Build `given(path="mask.png", cover="half", choose="by_chance")` by reading the file or
    folder it names.
    """
    options = plain({**dict(zip(GIVEN_OPTIONS, call.args, strict=False)), **call.options})
    for name in options:
        if name not in GIVEN_OPTIONS:
            raise MaskwrightError(
                f"policy 'given' has no option '{name}'.{did_you_mean(name, GIVEN_OPTIONS)} It has:"
                " path, cover, choose."
            )
    if "path" not in options:
        raise MaskwrightError(
            "policy 'given' needs a mask: given(path='mask.png'), an .npy array, or a folder of"
            " them."
        )
    path, choose = Path(str(options["path"])), str(options.get("choose", "by_chance"))
    named = choose == "by_sample" and path.is_dir()
    files = _mask_files(path, deep=named)
    cover = options.get("cover", "half")
    parts = [_as_patches(_read_mask(file), grid, cover) for file in files]
    names = [file.relative_to(path).as_posix() for file in files] if named else []
    for name, part in zip(names, parts, strict=False):
        if len(part) != 1:
            raise MaskwrightError(
                f"The mask '{name}' in '{path}' holds {len(part)} masks; by_sample takes one for"
                " each picture."
            )
    return GivenPolicy(masks=torch.cat(parts), choose=choose, names=names)  # type: ignore[arg-type]


def learned_policy(call: Call, grid: Grid) -> Policy:
    """Build `learned(path="RUN/select/NAME")` from the scorer that `maskwright select`
    wrote there.
    """
    options = plain({**dict(zip(("path",), call.args, strict=False)), **call.options})
    for name in options:
        if name != "path":
            raise MaskwrightError(
                f"policy 'learned' has no option '{name}'.{did_you_mean(name, ('path',))} It has:"
                " path."
            )
    if "path" not in options:
        raise MaskwrightError(
            "policy 'learned' needs a trained scorer: learned(path='RUN/select/NAME'), made by:"
            " maskwright select RUN."
        )
    place = Path(str(options["path"]))
    file = place / "scorer.safetensors" if place.is_dir() else place
    if not file.exists():
        raise MaskwrightError(
            f"There is no scorer at '{file}'. Train one: maskwright select RUN, then"
            " learned(path='RUN/select/NAME')."
        )
    return SelectedPolicy(scorer=load_scorer(file, grid), grid=grid, origin=str(place))


def read_masks(path: Path) -> list[np.ndarray]:
    """Read pixel or patch masks from a picture (white = masked), an .npy array, or a folder of
    either; boolean (n, H, W) each.
    """
    return [_read_mask(file) for file in _mask_files(path)]


def _mask_files(path: Path, *, deep: bool = False) -> list[Path]:
    """The file, or the masks in a folder by name; deep: also in the folders below it."""
    if not path.exists():
        raise MaskwrightError(f"There is no mask at '{path}'.")
    if not path.is_dir():
        return [path]
    inside = path.rglob("*") if deep else path.iterdir()
    files = sorted(item for item in inside if item.suffix.lower() in _MASK_ENDINGS)
    if not files:
        raise MaskwrightError(f"The folder '{path}' holds no masks (.png or .npy).")
    return files


def _read_mask(file: Path) -> np.ndarray:
    try:
        array = (
            np.load(file, allow_pickle=False)
            if file.suffix.lower() == ".npy"
            else read_painted(file)
        )
    except MaskwrightError:
        raise
    except (OSError, ValueError) as error:
        raise MaskwrightError(f"Could not read the mask '{file}': {error}.") from error
    if array.ndim not in (2, 3):
        raise MaskwrightError(
            f"The mask '{file}' has shape {array.shape}; expected (height, width) or (masks,"
            " height, width)."
        )
    return array.reshape(-1, *array.shape[-2:])


def _as_patches(masks: np.ndarray, grid: Grid, cover: Any) -> Tensor:
    """(n, N) booleans from masks of pixels, or of patches when they have the grid's own shape."""
    tensor = torch.from_numpy(np.ascontiguousarray(masks)).bool()
    return (
        tensor.flatten(1)
        if masks.shape[1:] == (grid.rows, grid.cols)
        else cover_patches(tensor, grid, cover)
    )


ALL = "all"


_MADE_OF_OTHERS = ("given", "mixture", "blend", "complement", "turns")


def policy_lines(policy: str | Sequence[str]) -> list[str]:
    """The policies of a text or of a list; `all` stands for every one that is not made
    of others.
    """
    lines = [str(line) for line in parts(policy)]
    if not lines:
        raise MaskwrightError(
            "--policy is empty; name a policy, or several separated by ; or commas."
        )
    return [name for name in POLICIES if name not in _MADE_OF_OTHERS] if lines == [ALL] else lines


def parts(value: Any) -> list[Any]:
    """The parts of a text as `split_list` cuts it; a list as it is; a single number alone."""
    if not isinstance(value, str):
        return list(value) if isinstance(value, (list, tuple)) else [value]
    return list(split_list(value))
