"""Where settings come from: defaults, then a recipe file, then flags or arguments; a typo gets the
nearest known name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from maskwright.support.errors import MaskwrightError, did_you_mean, unknown_name
from maskwright.support.yaml_text import read_yaml
from maskwright.workflows.settings.conversion import convert
from maskwright.workflows.settings.fields import leaves
from maskwright.workflows.settings.pretrain_settings import SECTIONS, PretrainSettings


def build_settings(
    recipe: str | None = None, assignments: Iterable[str] = (), **given: Any
) -> PretrainSettings:
    """Merge a recipe (file or name), `section.name=value` assignments and named values, later ones
    winning, into checked settings.

    Raises MaskwrightError for unknown names, wrong types and values out of range.
    """
    # Later sources win: the recipe, then --set, then flags and named arguments.
    flat = override(
        asked_for(recipe, assignments),
        canonical({name: value for name, value in given.items() if value is not None}),
    )
    if flat.get("data") is None:
        raise MaskwrightError(
            "No data given. Say which pictures: maskwright pretrain PHOTOS, or"
            " pretrain(data='PHOTOS')."
        )
    return PretrainSettings.from_flat(check_types(flat))


def asked_for(recipe: str | None, assignments: Iterable[str]) -> dict[str, Any]:
    """What a recipe and `section.name=value` assignments set, by leaf name; what is null in a
    recipe stays open.
    """
    flat = flatten(read_recipe(recipe)) if recipe else {}
    return {
        name: value
        for name, value in override(flat, flatten(parse_assignments(assignments))).items()
        if value is not None
    }


def override(flat: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Let later values win; a later length of training (epochs, steps, minutes) replaces an earlier
    one, and base_lr an earlier lr.
    """
    # 20 epochs in a recipe and --minutes 5 would be two lengths; so would a rate in two forms.
    merged = dict(flat)
    for group in (("epochs", "steps", "minutes"), ("lr", "base_lr")):
        if any(later.get(name) is not None for name in group):
            merged = {
                name: value
                for name, value in merged.items()
                if name not in group or name == "base_lr"
            }
    return {**merged, **later}


def read_recipe(name: str) -> dict[str, Any]:
    """Read a YAML recipe from a path, or by name from those that come with the package.

    `anime@small` is a profile: the recipe `anime` with what its second file sets otherwise.
    """
    path = Path(name)
    # A bare word is the name of a recipe of the package, unless there is such a file.
    if path.suffix or path.is_file():
        return _read_file(path, name)
    known = recipe_names()
    if name not in known:
        raise unknown_name("recipe", name, known, " A path to a .yaml file works too.")
    read = _read_file(_packaged(name), name)
    whole, at, _ = name.partition(PROFILE)
    return merge_sections(_read_file(_packaged(whole), whole), read) if at else read


PROFILE = "@"
"""Stands between a recipe's name and that of a profile of it."""


def merge_sections(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Nested plain values with those of `second` over those of `first`, mapping by mapping."""
    merged = dict(first)
    for key, value in second.items():
        known = merged.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[key] = merge_sections(known, value)
        else:
            merged[key] = value
    return merged


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package, each followed by its profiles."""
    return sorted(
        item.name.removesuffix(".yaml")
        for item in (files("maskwright") / "recipes").iterdir()
        if item.name.endswith(".yaml")
    )


def read_recipe_heading(name: str) -> str:
    """The first comment line of a packaged recipe: what it does."""
    text = _packaged(name).read_text(encoding="utf-8")
    return text.splitlines()[0].lstrip("# ")


def _packaged(name: str) -> Path:
    return Path(str(files("maskwright") / "recipes" / f"{name}.yaml"))


def _read_file(path: Path, name: str) -> dict[str, Any]:
    """The mapping in a YAML file; name: what messages call it."""
    try:
        read = read_yaml(path.read_text(encoding="utf-8"))
    except MaskwrightError as error:
        raise MaskwrightError(f"In the recipe '{name}' {error}") from error
    except FileNotFoundError as error:
        raise MaskwrightError(
            f"There is no recipe at '{name}'. By name there are: {', '.join(recipe_names())}."
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MaskwrightError(f"Could not read the recipe '{name}': {error}") from error
    if not isinstance(read, dict):
        raise MaskwrightError(
            f"The recipe '{name}' must be a YAML mapping of sections ({', '.join(SECTIONS)})."
        )
    return read


def flatten(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Turn {section: {name: value}} into {name: value}; names without a section are
    accepted too.
    """
    flat: dict[str, Any] = {}
    for key, value in sections.items():
        # `data: photos` is the setting of that name, `data: {data: photos}` the section.
        if key in SECTIONS and isinstance(value, Mapping):
            names = [leaf.name for leaf in leaves({key: SECTIONS[key]})]
            for name in value:
                _check_known(str(name), names, f"{key}.")
            flat |= value
        else:
            flat[key] = value
    return canonical(flat)


def canonical(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Replace aliases by names and refuse unknown ones with the nearest known."""
    # mask_ratio is ratio, wherever it is written.
    aliases = {alias: leaf.name for leaf in leaves(SECTIONS) for alias in leaf.aliases}
    names = [leaf.name for leaf in leaves(SECTIONS)]
    renamed = {aliases.get(name, name): value for name, value in flat.items()}
    for name in renamed:
        _check_known(name, names)
    return renamed


def check_types(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Convert values to the declared types ('3e-4' to a number, '20,50' to a list) or say which one
    does not fit.
    """
    return {
        leaf.name: convert(leaf, flat[leaf.name]) for leaf in leaves(SECTIONS) if leaf.name in flat
    }


def dump_recipe(settings: PretrainSettings, heading: str) -> str:
    """Write settings as a recipe that repeats the run, opening with a comment."""
    comment = "".join(f"# {line}\n" for line in heading.splitlines())
    return comment + yaml.safe_dump(settings.to_dict(), sort_keys=False, allow_unicode=True)


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """`section.name=value` texts as sections of values; raises MaskwrightError for other texts."""
    sections: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        section, dot, name = key.strip().partition(".")
        # Whoever leaves out the section gets its name.
        if not equals or not name or not dot:
            raise MaskwrightError(
                "--set takes section.name=value, e.g. model.decoder_depth=2; got"
                f" '{text}'.{_place_of(name or section)}"
            )
        if section not in SECTIONS:
            raise unknown_name("section", section, SECTIONS, _place_of(name))
        sections.setdefault(section, {})[name] = value.strip()
    return sections


def _place_of(name: str) -> str:
    """The full name of a setting, where one is called so."""
    for key, section in SECTIONS.items():
        known = {leaf.name for leaf in leaves({key: section})}
        if name in known:
            return f" Did you mean '{key}.{name}'?"
    return ""


def _check_known(name: str, names: list[str], prefix: str = "") -> None:
    if name not in names:
        raise MaskwrightError(
            f"Unknown setting '{prefix}{name}'.{did_you_mean(name, names)} See: maskwright pretrain"
            " --help."
        )
