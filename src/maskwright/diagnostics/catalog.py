"""The diagnostics by name, one line each; they are imported when used."""

from __future__ import annotations

import re

from maskwright.diagnostics.diagnostic import Diagnostic
from maskwright.support.catalog import Entry, build
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.shorthand import Call, parse_value, split_list

DIAGNOSTICS: dict[str, Entry] = {
    "lowpass": Entry(
        "maskwright.diagnostics.passes:Lowpass",
        "accuracy as fine detail is taken away: blur and frequency cut-offs",
    ),
    "highpass": Entry(
        "maskwright.diagnostics.passes:Highpass",
        "accuracy as coarse structure is taken away, the mean kept",
    ),
    "occlusion": Entry(
        "maskwright.diagnostics.occlusion:Occlusion",
        "accuracy and drift of features as patches vanish, by order",
    ),
    "rollout": Entry(
        "maskwright.diagnostics.attention:Rollout",
        "where attention comes from through all layers, and how it moves",
    ),
    "representation": Entry(
        "maskwright.diagnostics.representation:Representation",
        "rank, uniformity, alignment and k-NN of every layer",
    ),
    "positions": Entry(
        "maskwright.diagnostics.positions:Positions", "whether the order of the patches matters"
    ),
    "geometry": Entry(
        "maskwright.diagnostics.mask_table:Geometry",
        "masking policies: shape of their masks and cost of copying",
    ),
    "cue-conflict": Entry(
        "maskwright.diagnostics.cue_conflict:CueConflict",
        "shape bias where outline and surface disagree (Geirhos 2019)",
    ),
    "texture": Entry(
        "maskwright.diagnostics.texture:Texture",
        "probes on textures and on objects, and the difference",
    ),
    "stylized": Entry(
        "maskwright.diagnostics.stylized:Stylized",
        "a probe of clean pictures asked on stylized ones (Stylized-ImageNet's layout)",
    ),
    "restyled": Entry(
        "maskwright.diagnostics.stylized:Restyled",
        "the same with a stylizer that needs no download",
    ),
}

# The shorthand of options has no hyphens in names; those inside quotes stay as they are.
_QUOTED_OR_HYPHEN = re.compile(r"('[^']*'|\"[^\"]*\")|(?<=[A-Za-z])-(?=[A-Za-z])")


def build_diagnostics(text: str) -> dict[str, Diagnostic]:
    """Build the diagnostics of a line such as `lowpass(sigmas=[0, 1]),cue-conflict`, in order.

    Raises MaskwrightError for an unknown name or option, with the nearest known one, for a name
    given twice and for an empty line.
    """
    # Text becomes calls, and calls become dataclasses that check their options.
    underscored = _QUOTED_OR_HYPHEN.sub(lambda match: match[1] or "_", text)
    calls = [parse_value(word) for word in split_list(underscored)]
    if not calls or not all(isinstance(call, Call) for call in calls):
        raise MaskwrightError(
            f"Tests are names such as lowpass,highpass or lowpass(sigmas=[0,1,2]); got '{text}'."
        )
    built: dict[str, Diagnostic] = {}
    for call in calls:
        name = call.name.replace("_", "-")
        if name not in DIAGNOSTICS:
            raise unknown_name("diagnostic", name, DIAGNOSTICS)
        # Both would be written to the same files.
        if name in built:
            raise MaskwrightError(f"The diagnostic '{name}' is asked for twice; give each once.")
        built[name] = build("diagnostic", DIAGNOSTICS, Call(name, call.args, call.options))
    return built
