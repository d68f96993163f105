"""The targets by name, one line each, imported when used.

The contract tests run every target here: its examples, or its bare name where it gives none. This
file does without torch, so that help and early mistakes come at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from maskwright.support.catalog import Entry
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.shorthand import Call, parse_sum

# In the order in which `list targets` shows them: from pixels as they are to what networks say.
TARGETS: dict[str, Entry] = {
    "raw": Entry("maskwright.targets.raw:RawTarget", "pixels as they are"),
    "normalized": Entry(
        "maskwright.targets.normalized:NormalizedTarget",
        "pixels less the patch's mean, over its deviation (MAE)",
    ),
    "lowpass": Entry(
        "maskwright.targets.lowpass:LowpassTarget",
        "pixels of the picture without its high frequencies",
        examples=("lowpass", "lowpass(cutoff=0.5)", "lowpass(by='dct')"),
    ),
    "components": Entry(
        "maskwright.targets.components:ComponentsSettings",
        "principal components of patches, the weakest or the strongest (Balestriero 2024)",
        examples=(
            "components",
            "components(part='high', share=0.25)",
            "components(whiten=True)",
        ),
    ),
    "hog": Entry(
        "maskwright.targets.hog:HogTarget",
        "histograms of oriented gradients (MaskFeat)",
        examples=("hog", "hog(channels='strongest')", "hog(bins=6, cells=1)"),
    ),
    "features": Entry(
        "maskwright.targets.features:FeaturesTarget",
        "features of the run's own average (data2vec) or of another encoder",
        examples=("features", "features(source='ema', blocks=1, momentum=0.99)"),
    ),
}


def target_examples(name: str) -> tuple[str, ...]:
    """Lines that show a target of the catalog, each of them complete."""
    return TARGETS[name].examples or (name,)


def parse_target(value: str | Mapping[str, Any]) -> Call:
    """The name and options of `hog(bins=6)` or {name: hog, bins: 6}; options are not checked here.

    Raises MaskwrightError for an unknown name, with the nearest known one, and for a sum.
    """
    # Read as a sum, as losses are, so that a sum is refused in words and not as bad syntax.
    terms = parse_sum(value)
    if len(terms) != 1:
        raise MaskwrightError(f"A model predicts one target; got the sum '{value}'.")
    call = terms[0].call
    if call.name not in TARGETS:
        raise unknown_name("target", call.name, TARGETS)
    return call


def target_line(name: str, settings: Any) -> str:
    """The line that builds a target, all options said, so that later defaults change nothing."""
    options = {item.name: getattr(settings, item.name) for item in dataclasses.fields(settings)}
    return str(Call(name, (), options))
