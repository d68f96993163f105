"""YAML that a person wrote: plain values only, and a key that stands twice is a mistake."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

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
