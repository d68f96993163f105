"""Plans as files: YAML of one's own, or one of those that come with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.yaml_text import read_yaml
from maskwright.workflows.settings.recipes import merge_sections

KEYS = (
    "name",
    "question",
    "data",
    "recipe",
    "base",
    "select",
    "arms",
    "factors",
    "ablations",
    "only",
    "baseline",
    "seeds",
    "budget",
    "evaluate",
    "search",
)
"""The keys of a plan file, in the order in which they are written."""
ARMS = ("arms", "factors", "ablations")
SCALES = "scales"
"""Beside the keys: what the plan says otherwise at another scale, by the scale's name."""
DEFAULT_SCALE = "small"
"""The scale that the file says without `scales`: what two CPU cores do."""


def plan_names() -> list[str]:
    """Names of the plans that come with the package."""
    folder = files("maskwright") / "recipes" / "studies"
    if not folder.is_dir():
        return []
    # Whatever lies there is a plan, so a new one costs a file and no line of code.
    names = [item.name for item in folder.iterdir()]
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def read_plan_file(plan: str | Path, scale: str | None = None) -> dict[str, Any]:
    """The plain values of a plan, by path or by the name of one that comes with the package.

    scale: `full` for the project's own sizes, where the plan has them under `scales`.

    Raises MaskwrightError for an unknown name or scale, and for a file that is no YAML mapping.
    """
    # Messages speak of the plan as it was asked for, not of the file it led to.
    path = _locate(plan)
    try:
        values = read_yaml(path.read_text(encoding="utf-8"))
    except MaskwrightError as error:
        raise MaskwrightError(f"In the study plan '{plan}' {error}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MaskwrightError(f"Could not read the study plan '{plan}': {error}") from error
    # An empty file is read as None, a list as a list.
    if not isinstance(values, dict):
        raise MaskwrightError(
            f"The study plan '{plan}' must be a YAML mapping with keys such as {', '.join(KEYS)}."
        )
    return _at_scale(values, scale, str(plan))


def _at_scale(values: dict[str, Any], scale: str | None, plan: str) -> dict[str, Any]:
    """The plan as its file says it, with what one of its scales says otherwise."""
    scales = values.pop(SCALES, None) or {}
    if scale in (None, DEFAULT_SCALE):
        return values
    if scale not in scales:
        raise unknown_name(f"scale of the plan '{plan}'", str(scale), [DEFAULT_SCALE, *scales])
    changes = scales[scale] or {}
    # Arms of a scale take the place of those of the file; all other sections are merged.
    kept = {
        name: value for name, value in values.items() if name not in changes or name not in ARMS
    }
    whole = merge_sections(kept, changes)
    # A study of its own, which must not be mixed with that of the small scale.
    return {**whole, "name": f"{values.get('name', Path(plan).stem)}-{scale}"}


def _locate(plan: str | Path) -> Path:
    """The file of a plan; a word without an ending that is no file is a packaged plan's name."""
    path = Path(plan)
    if path.suffix or path.is_file():
        return path
    if str(plan) not in plan_names():
        raise unknown_name(
            "study plan", str(plan), plan_names(), " A path to a .yaml file works too."
        )
    return Path(str(files("maskwright") / "recipes" / "studies" / f"{plan}.yaml"))
