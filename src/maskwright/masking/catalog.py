"""The policies by name: one line each, imported when used; and from a line of text to a policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from maskwright.masking.policy import Policy
from maskwright.support.catalog import Entry, build
from maskwright.support.shorthand import Call, Weighted, parse_sum

POLICIES: dict[str, Entry] = {
    "random": Entry("maskwright.masking.uniform:RandomPolicy", "patches uniformly at random (MAE)"),
    "grid": Entry("maskwright.masking.uniform:GridPolicy", "one visible patch per small cell (MAE grid, UM-MAE)"),
    "block": Entry("maskwright.masking.block:BlockPolicy", "aligned square cells of patches (SimMIM, Pixio)"),
    "rectangles": Entry("maskwright.masking.rectangles:RectanglesPolicy", "free rectangles (BEiT, but exact)"),
    "multiblock": Entry("maskwright.masking.rectangles:MultiblockPolicy", "several blocks and all outside a context block (I-JEPA)"),
    "inverse_block": Entry("maskwright.masking.rectangles:InverseBlockPolicy", "all but one rectangle (CAPI)"),
    "red": Entry("maskwright.masking.noise:RedNoise", "large smooth regions: low-pass noise (ColorMAE)"),
    "green": Entry("maskwright.masking.noise:GreenNoise", "clumps of a middle size: band-pass noise (ColorMAE)"),
    "blue": Entry("maskwright.masking.noise:BlueNoise", "evenly spread patches: high-pass noise (ColorMAE)"),
    "purple": Entry("maskwright.masking.noise:PurpleNoise", "large regions and single patches: band-stop noise (ColorMAE)"),
    "mixture": Entry("maskwright.masking.mixture:MixturePolicy", "one of several policies per image: 0.5*random + 0.5*block"),
    "blend": Entry("maskwright.masking.mixture:BlendPolicy", "several rankings added up: blend(0.5*random + 0.5*block)"),
    "complement": Entry("maskwright.masking.mixture:ComplementPolicy", "visible and masked swapped: complement(rectangles)"),
    "given": Entry("maskwright.masking.given:GivenPolicy", "masks from your own files or arrays"),
}

BuildGiven = Callable[[Call], Policy]


def build_policy(value: str | Mapping[str, Any], build_given: BuildGiven | None = None) -> Policy:
    """Build a policy from `block(size=4)`, `0.5*random + 0.5*block` or {name: block, size: 4}; a sum of several is a mixture.

    build_given: turns the call `given(...)` into a policy; it reads files, which this room may not do.
    Raises MaskwrightError for an unknown name or option, with the nearest known one, and for a value the policy refuses.
    """
    return _build_sum(parse_sum(value), "mixture", build_given)


def _build_sum(terms: list[Weighted], kind: str, build_given: BuildGiven | None) -> Policy:
    if len(terms) == 1:
        return _build_one(terms[0].call, build_given)
    parts = [_build_one(term.call, build_given) for term in terms]
    return build("policy", POLICIES, Call(kind, (), {"parts": parts, "weights": [term.weight for term in terms]}))


def _build_one(call: Call, build_given: BuildGiven | None) -> Policy:
    if call.name == "given" and build_given is not None:
        return build_given(call)
    match call:
        case Call(name="mixture" | "blend" as kind, args=([Weighted(), *_] as terms,), options={}) if len(terms) > 1 and not call.options:
            return _build_sum(terms, kind, build_given)
        case Call(name="mixture" | "blend", options={"parts": list(parts)}):
            return build(
                "policy", POLICIES, replace(call, options={**call.options, "parts": [_build_part(part, build_given) for part in parts]})
            )
        case Call(name="complement", args=(part,)):
            return build("policy", POLICIES, replace(call, args=(_build_part(part, build_given),)))
        case Call(name="complement", options={"of": part}):
            return build("policy", POLICIES, replace(call, options={**call.options, "of": _build_part(part, build_given)}))
    return build("policy", POLICIES, call)


def _build_part(part: Any, build_given: BuildGiven | None) -> Any:
    """Build a policy that stands inside another: a call, a sum, or the text or mapping of one; a finished policy stays."""
    if isinstance(part, Call):
        return _build_one(part, build_given)
    if isinstance(part, list) and all(isinstance(term, Weighted) for term in part):
        return _build_sum(part, "mixture", build_given)
    return build_policy(part, build_given) if isinstance(part, (str, Mapping)) else part
