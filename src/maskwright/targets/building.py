"""From a line of text to a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from maskwright.patches.target import PatchShape, Target, TargetTraits
from maskwright.support.catalog import build
from maskwright.targets.catalog import TARGETS, parse_target


@runtime_checkable
class TargetSettings(Protocol):
    """What a user writes of a target that keeps a state; `build` makes the target itself."""

    @property
    def traits(self) -> TargetTraits:
        """What the target promises."""
        ...

    def num_values(self, shape: PatchShape) -> int:
        """As for `Target`."""
        ...

    def build(self, shape: PatchShape) -> Target:
        """Make the target, a `torch.nn.Module` whose buffers are saved with the model."""
        ...


def read_target(value: str | Mapping[str, Any]) -> Target | TargetSettings:
    """The target of `raw`, `hog(bins=6)` or {name: hog, bins: 6}; settings where it has a state.

    Raises MaskwrightError for an unknown name or option, with the nearest known one, and for a
    value that the target refuses.
    """
    built: Target | TargetSettings = build("target", TARGETS, parse_target(value))
    return built


def build_target(value: str | Mapping[str, Any], shape: PatchShape) -> Target:
    """The target for patches of that shape; one with a state is not fitted yet.

    >>> shape = PatchShape(8, 3)
    >>> build_target("hog(bins=9)", shape).num_values(shape)
    108
    """
    read = read_target(value)
    return read.build(shape) if isinstance(read, TargetSettings) else read
