"""YAML that people read and write: plain values, and a key that stands twice is a mistake."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import yaml

from maskwright.support.errors import MaskwrightError


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, but equal keys are refused; PyYAML keeps the last one silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            # `<<` merges another mapping in, and may do so several times
            if name in seen and key.tag != "tag:yaml.org,2002:merge":
                raise MaskwrightError(
                    f"'{name}' stands twice, again in line {key.start_mark.line + 1}; leave one or"
                    " rename it."
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> Any:
    """Parse YAML to plain values.

    Raises yaml.YAMLError for what is no YAML, and MaskwrightError for a key that stands twice.
    """
    return yaml.load(text, Loader=_StrictLoader)


class _PlainDumper(yaml.SafeDumper):
    """PyYAML's safe dumper, but large numbers have an exponent: 4.0e+13, not fourteen digits."""


def _write_float(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    if not 1e6 <= abs(value) < float("inf"):
        return dumper.represent_float(value)
    # With a point and a signed exponent, without which YAML 1.1 reads a word.
    text = np.format_float_scientific(value, trim="0")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_PlainDumper.add_representer(float, _write_float)


def write_yaml(values: Mapping[str, Any], width: int | None = None) -> str:
    """Plain values as YAML, in their order; width: columns, where long lines are folded."""
    return yaml.dump(
        dict(values), Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=width
    )
