"""The policies by name: one line each, imported when used; and from a line of text to a policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from maskwright.masking.mixture import MixPolicy
from maskwright.masking.policy import Policy
from maskwright.support.catalog import Entry, build
from maskwright.support.shorthand import Call, Weighted, parse_sum

POLICIES: dict[str, Entry] = {
    "random": Entry("maskwright.masking.uniform:RandomPolicy", "patches uniformly at random (MAE)"),
    "grid": Entry(
        "maskwright.masking.uniform:GridPolicy",
        "one visible patch per small cell (MAE grid, UM-MAE)",
    ),
    "block": Entry(
        "maskwright.masking.block:BlockPolicy", "aligned square cells of patches (SimMIM, Pixio)"
    ),
    "rectangles": Entry(
        "maskwright.masking.rectangles:RectanglesPolicy", "free rectangles (BEiT, but exact)"
    ),
    "multiblock": Entry(
        "maskwright.masking.rectangles:MultiblockPolicy",
        "several blocks and all outside a context block (I-JEPA)",
    ),
    "inverse_block": Entry(
        "maskwright.masking.rectangles:InverseBlockPolicy", "all but one rectangle (CAPI)"
    ),
    "red": Entry(
        "maskwright.masking.noise:RedNoise", "large smooth regions: low-pass noise (ColorMAE)"
    ),
    "green": Entry(
        "maskwright.masking.noise:GreenNoise", "clumps of a middle size: band-pass noise (ColorMAE)"
    ),
    "blue": Entry(
        "maskwright.masking.noise:BlueNoise", "evenly spread patches: high-pass noise (ColorMAE)"
    ),
    "purple": Entry(
        "maskwright.masking.noise:PurpleNoise",
        "large regions and single patches: band-stop noise (ColorMAE)",
    ),
    "guided": Entry(
        "maskwright.masking.guided:GuidedPolicy",
        "what a transformer attends to, or what it ignores (AttMask, AMT)",
    ),
    "hard": Entry(
        "maskwright.masking.hard:HardPolicy",
        "patches that cost most when last seen, remembered per picture",
    ),
    "predicted_hard": Entry(
        "maskwright.masking.hard:PredictedHardPolicy",
        "patches that a small network expects to be hard (HPM)",
    ),
    "adversarial": Entry(
        "maskwright.masking.learned:AdversarialPolicy",
        "learned, first to help and later to hinder (CL-MAE)",
    ),
    "adaptive": Entry(
        "maskwright.masking.learned:AdaptivePolicy",
        "learned, shows the patches that tell most (AdaMAE)",
    ),
    "learned": Entry(
        "maskwright.masking.selected:SelectedPolicy",
        "what a scorer trained by `maskwright select` finds dispensable",
    ),
    "foreground": Entry(
        "maskwright.masking.semantic:ForegroundPolicy",
        "exact shares of foreground and background hidden",
    ),
    "parts": Entry(
        "maskwright.masking.semantic:PartsPolicy",
        "from inside every part to whole parts together (SemMAE)",
    ),
    "part_ratios": Entry(
        "maskwright.masking.semantic:PartRatiosPolicy",
        "a ratio for each part: part_ratios({face: 0.9, eyes: 0.5})",
    ),
    "mixture": Entry(
        "maskwright.masking.mixture:MixturePolicy",
        "one of several policies per image: 0.5*random + 0.5*block",
    ),
    "blend": Entry(
        "maskwright.masking.mixture:BlendPolicy",
        "several rankings added up: blend(0.5*random + 0.5*block)",
    ),
    "complement": Entry(
        "maskwright.masking.mixture:ComplementPolicy",
        "visible and masked swapped: complement(rectangles)",
    ),
    "turns": Entry(
        "maskwright.masking.mixture:TurnsPolicy",
        "several masks of a picture share out what is visible: turns(random)",
    ),
    "given": Entry("maskwright.masking.given:GivenPolicy", "masks from your own files or arrays"),
}

Reader = Callable[[Call], Policy]
_SUMS = ("mixture", "blend")


def build_policy(
    value: str | Mapping[str, Any], readers: Mapping[str, Reader] | None = None
) -> Policy:
    """Build a policy from `block(size=4)`, `0.5*random + 0.5*block` or {name: block, size: 4}; a
    sum of several is a mixture.

    Every policy takes the option `mix`, a number or schedule: the share of masked patches that it
    chooses, chance choosing the others.

    readers: for policies that live in files, which this room may not read: name -> what turns a
        call such as `given(path=...)` into one.

    Raises MaskwrightError for an unknown name or option, with the nearest known one, and for a
    value the policy refuses.
    """
    return _Builder(readers or {}).build_sum(parse_sum(value), "mixture")


@dataclass(frozen=True)
class _Builder:
    """Turns parsed lines into policies."""

    readers: Mapping[str, Reader]

    def build_sum(self, terms: list[Weighted], kind: str) -> Policy:
        if len(terms) == 1:
            return self.build_one(terms[0].call)
        parts = [self.build_one(term.call) for term in terms]
        return build(
            "policy",
            POLICIES,
            Call(kind, (), {"parts": parts, "weights": [term.weight for term in terms]}),
        )

    def build_one(self, call: Call) -> Policy:
        options = dict(call.options)
        share = options.pop("mix", None)
        policy = self._build_plain(replace(call, options=options))
        share = getattr(policy, "usual_mix", None) if share is None else share
        return policy if share is None else MixPolicy(of=policy, share=share)

    def _build_plain(self, call: Call) -> Policy:
        if call.name in self.readers:
            return self.readers[call.name](call)
        match call:
            case Call(name=name, args=([Weighted(), *_] as terms,)) if (
                name in _SUMS and len(terms) > 1 and not call.options
            ):
                return self.build_sum(terms, name)
            case Call(name=name, options={"parts": list(parts)}) if name in _SUMS:
                return build(
                    "policy",
                    POLICIES,
                    _with_options(call, parts=[self._build_part(part) for part in parts]),
                )
            case Call(args=(part,)) if _holds_policy(call):
                return build("policy", POLICIES, replace(call, args=(self._build_part(part),)))
            case Call(options={"of": part}) if _holds_policy(call):
                return build("policy", POLICIES, _with_options(call, of=self._build_part(part)))
        return build("policy", POLICIES, call)

    def _build_part(self, part: Any) -> Any:
        """Build a policy that stands inside another: a call, a sum, or the text or mapping of one;
        a finished policy stays.
        """
        if isinstance(part, Call):
            return self.build_one(part)
        if isinstance(part, list) and all(isinstance(term, Weighted) for term in part):
            return self.build_sum(part, "mixture")
        return (
            self.build_sum(parse_sum(part), "mixture") if isinstance(part, (str, Mapping)) else part
        )


def _holds_policy(call: Call) -> bool:
    return call.name in POLICIES and "of" in (
        item.name for item in fields(POLICIES[call.name].load())
    )


def _with_options(call: Call, **options: Any) -> Call:
    return replace(call, options={**call.options, **options})
