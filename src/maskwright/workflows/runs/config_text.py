"""The config.yaml of many runs, read fast: what runs share is parsed once."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import yaml

from maskwright.support.yaml_text import read_yaml

_SECTION = re.compile(r"^(\w+):\s*$", re.MULTILINE)
# A setting and the lines below it that belong to it, such as the items of a list.
_SETTING = re.compile(r"^  \w+:.*\n(?:(?:   | {2}-).*\n)*", re.MULTILINE)


def read_config(text: str) -> dict[str, dict[str, Any]]:
    """The sections of a config.yaml with their settings.

    Settings of a YAML mapping do not depend on each other, so each is parsed by itself and
    remembered: most of them are the same in many runs. Raises yaml.YAMLError and MaskwrightError
    for what is no such file.
    """
    if not text.endswith("\n"):
        text += "\n"
    sections = _split(text)
    if sections is None:
        return _read_whole(text)
    config: dict[str, dict[str, Any]] = {}
    for name, body in sections.items():
        chunks = _SETTING.findall(body)
        # Something between the settings, such as a remark: then it is YAML by a person's hand.
        if "".join(chunks) != body:
            return _read_whole(text)
        config[name] = {}
        for chunk in chunks:
            config[name].update(_read_setting(chunk))
    return config


def _split(text: str) -> dict[str, str] | None:
    """The text of each section; None for what only a whole parser understands."""
    # Anchors and their aliases reach from one setting to another.
    if re.search(r": [&*]|^---", text, re.MULTILINE):
        return None
    # The heading that every config.yaml begins with is a remark.
    parts = _SECTION.split(re.sub(r"\A(?:#.*\n)+", "", text))
    head, names, bodies = parts[0], parts[1::2], parts[2::2]
    if head.strip() or not names:
        return None
    return {name: body.lstrip("\n") for name, body in zip(names, bodies, strict=True)}


@lru_cache(maxsize=10_000)
def _read_setting(chunk: str) -> dict[str, Any]:
    return read_yaml(chunk)


def _read_whole(text: str) -> dict[str, dict[str, Any]]:
    read = read_yaml(text)
    if not isinstance(read, dict) or not all(isinstance(body, dict) for body in read.values()):
        raise yaml.YAMLError("it has no sections of settings")
    return read
