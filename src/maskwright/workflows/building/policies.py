"""Policies from settings: by shorthand, and from the user's own mask files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.masking.catalog import POLICIES, build_policy
from maskwright.masking.components import components_of
from maskwright.masking.given import GivenPolicy, cover_patches
from maskwright.masking.policy import Policy, check_fits
from maskwright.masking.selected import SelectedPolicy
from maskwright.patches import Grid, visible_count
from maskwright.schedules import Schedule
from maskwright.support.array_errors import array_fault
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.shorthand import Call, plain, split_list
from maskwright.weights.scorer_file import load_scorer
from maskwright.weights.zoo import PREFIX as ZOO
from maskwright.weights.zoo import zoo_file
from maskwright.workflows.building.painted import read_painted

# The policies that `--policy all` leaves out: made of others or of files, or hiding no patches.
_MADE_OF_OTHERS = ("given", "mixture", "blend", "complement", "turns", "components")
ALL = "all"
_MASK_ENDINGS = (".png", ".npy", ".bmp", ".webp")
GIVEN_OPTIONS = ("path", "cover", "choose")
LEARNED_OPTIONS = ("path",)


def build_checked_policy(value: str | Mapping[str, Any], grid: Grid, ratio: Schedule) -> Policy:
    """Build a policy that hides patches of a grid.

    Raises MaskwrightError for settings that make no sense on it at the first or the last ratio, and
    for a policy that hides no patches.
    """
    policy = build_any_policy(value, grid, ratio)
    if components_of(policy) is not None:
        raise MaskwrightError(
            f"Policy '{value}' hides components of whole pictures, and here patches are hidden. It"
            " works alone, in pretrain, masks, study and compare, and in reconstruct of a run that"
            " was trained with it."
        )
    return policy


def build_any_policy(value: str | Mapping[str, Any], grid: Grid, ratio: Schedule) -> Policy:
    """`build_checked_policy` for whoever can hide components too; they are not checked here,
    because they have a grid of their own.
    """
    # These two read files, which the catalog of policies cannot do.
    from_files = {
        "given": lambda call: given_policy(call, grid),
        "learned": lambda call: learned_policy(call, grid),
    }
    policy = build_policy(value, from_files)
    if components_of(policy) is not None:
        return policy
    # both ends of the training, and of what a schedule may draw
    for progress, draw in product((0.0, 1.0), (0.0, 0.5, 1.0)):
        num_visible = visible_count(grid.num_patches, ratio.at(progress, draw))
        check_fits(policy, grid, grid.num_patches - num_visible)
    return policy


def given_policy(call: Call, grid: Grid) -> Policy:
    """Build `given(path="mask.png", cover="half", choose="by_chance")` from a file or folder."""
    options = _options(call, "given", GIVEN_OPTIONS)
    if "path" not in options:
        raise MaskwrightError(
            "policy 'given' needs a mask: given(path='mask.png'), an .npy array, or a folder of"
            " them."
        )
    path = Path(str(options["path"]))
    choose = str(options.get("choose", "by_chance"))
    # Masks in a folder belong to pictures by name, so the tree below it counts too.
    by_name = choose == "by_sample" and path.is_dir()
    files = _mask_files(path, deep=by_name)
    cover = options.get("cover", "half")
    masks = [_as_patches(_read_mask(file), grid, cover) for file in files]  # (n, N) each
    names = [file.relative_to(path).as_posix() for file in files] if by_name else []
    for name, mask in zip(names, masks, strict=False):
        if len(mask) != 1:
            raise MaskwrightError(
                f"The mask '{name}' in '{path}' holds {len(mask)} masks; by_sample takes one for"
                " each picture."
            )
    return GivenPolicy(masks=torch.cat(masks), choose=choose, names=names)  # type: ignore[arg-type]


def learned_policy(call: Call, grid: Grid) -> Policy:
    """Build `learned(path="RUN/select/NAME")`, or `zoo:NAME`, from the scorer of `select`."""
    options = _options(call, "learned", LEARNED_OPTIONS)
    if "path" not in options:
        raise MaskwrightError(
            "policy 'learned' needs a trained scorer: learned(path='RUN/select/NAME'), made by:"
            " maskwright select RUN."
        )
    text = str(options["path"])
    if text.startswith(ZOO):
        return SelectedPolicy(scorer=load_scorer(zoo_file(text), grid), grid=grid, origin=text)
    path = Path(text)
    file = path / "scorer.safetensors" if path.is_dir() else path
    if not file.exists():
        raise MaskwrightError(
            f"There is no scorer at '{file}'. Train one: maskwright select RUN, then"
            " learned(path='RUN/select/NAME')."
        )
    return SelectedPolicy(scorer=load_scorer(file, grid), grid=grid, origin=str(path))


def _options(call: Call, policy: str, names: Sequence[str]) -> dict[str, Any]:
    """The options of a policy that is read from files, by name; refuses unknown ones."""
    options = plain({**dict(zip(names, call.args, strict=False)), **call.options})
    for name in options:
        if name not in names:
            raise MaskwrightError(
                f"policy '{policy}' has no option '{name}'.{did_you_mean(name, names)} It has:"
                f" {', '.join(names)}."
            )
    return options


def read_masks(path: Path) -> list[np.ndarray]:
    """Read pixel or patch masks, boolean (n, H, W) each.

    path: a picture (white = masked), an .npy array, or a folder of either.
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
        if file.suffix.lower() == ".npy":
            array = np.load(file, allow_pickle=False)
        else:
            array = read_painted(file)
    except MaskwrightError:
        raise
    except (OSError, ValueError) as error:
        raise MaskwrightError(f"Could not read the mask '{file}': {array_fault(error)}.") from error
    if array.ndim not in (2, 3):
        raise MaskwrightError(
            f"The mask '{file}' has shape {array.shape}; expected (height, width) or (masks,"
            " height, width)."
        )
    return array.reshape(-1, *array.shape[-2:])  # one mask is a stack of one


def _as_patches(masks: np.ndarray, grid: Grid, cover: Any) -> Tensor:
    """(n, N) booleans from masks of pixels, or of patches when they have the grid's own shape."""
    tensor = torch.from_numpy(np.ascontiguousarray(masks)).bool()
    if masks.shape[1:] == (grid.rows, grid.cols):
        return tensor.flatten(1)  # (n, rows, cols) -> (n, N)
    return cover_patches(tensor, grid, cover)


def policy_lines(policy: str | Sequence[str]) -> list[str]:
    """The policies of a text or of a list; `all` stands for every single one."""
    lines = [str(line) for line in parts(policy)]
    if not lines:
        raise MaskwrightError(
            "--policy is empty; name a policy, or several separated by ; or commas."
        )
    if lines == [ALL]:
        return [name for name in POLICIES if name not in _MADE_OF_OTHERS]
    return lines


def parts(value: Any) -> list[Any]:
    """The parts of a text as `split_list` cuts it; a list as it is; a single number alone."""
    if not isinstance(value, str):
        return list(value) if isinstance(value, (list, tuple)) else [value]
    return list(split_list(value))
