"""Reading YAML that a person wrote: plain values only, and a name given twice in one mapping is a
mistake, not the last one's victory.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from maskwright.support.errors import MaskwrightError


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, which keeps the last of equal keys and says nothing; this one refuses
    them.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen and key.tag != "tag:yaml.org,2002:merge":
                raise MaskwrightError(
                    f"'{name}' stands twice, again in line {key.start_mark.line + 1}; leave one or"
                    " rename it."
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> Any:
    """Parse YAML to plain values; raises yaml.YAMLError for what is no YAML, and MaskwrightError
    for a key that stands twice.
    """
    return yaml.load(text, Loader=_StrictLoader)
