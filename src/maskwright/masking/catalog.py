"""The policies by name, one line each, imported when used; and from a line of text to a policy.

The contract tests run every policy here: its examples, or its bare name where it gives none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from maskwright.masking.policy import Policy
from maskwright.masking.wrappers import MixPolicy
from maskwright.support.catalog import Entry, build
from maskwright.support.shorthand import Call, Weighted, parse_sum

POLICIES: dict[str, Entry] = {
    "random": Entry("maskwright.masking.uniform:RandomPolicy", "patches uniformly at random (MAE)"),
    "grid": Entry(
        "maskwright.masking.uniform:GridPolicy",
        "one visible patch per small cell (MAE grid, UM-MAE)",
        examples=("grid", "grid(phase='global')", "grid(cell=3)"),
    ),
    "block": Entry(
        "maskwright.masking.block:BlockPolicy",
        "aligned square cells of patches (SimMIM, Pixio)",
        examples=("block", "block(size=4)", "block(size=2, shift=True)"),
    ),
    "rectangles": Entry(
        "maskwright.masking.rectangles:RectanglesPolicy",
        "free rectangles (BEiT, but exact)",
        examples=("rectangles", "rectangles(roll=True)"),
    ),
    "multiblock": Entry(
        "maskwright.masking.rectangles:MultiblockPolicy",
        "several blocks and all outside a context block (I-JEPA)",
        examples=("multiblock", "multiblock(roll=True)"),
    ),
    "inverse_block": Entry(
        "maskwright.masking.rectangles:InverseBlockPolicy",
        "all but one rectangle (CAPI)",
        examples=("inverse_block", "inverse_block(roll=False)"),
    ),
    "red": Entry(
        "maskwright.masking.noise:RedNoise",
        "large smooth regions: low-pass noise (ColorMAE)",
        examples=("red", "red(mix=0->1)"),
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
        examples=(
            "guided",
            "guided(temperature=1.0)",
            "guided(source='prior', hint=0.2)",
            "guided(hide='background', mix=0.5)",
        ),
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
        "maskwright.masking.foreground:ForegroundPolicy",
        "exact shares of foreground and background hidden",
        examples=(
            "foreground",
            "foreground(heavy=bg, strength=1)",
            "foreground(heavy=proportional)",
            "foreground(share=0.7)",
            "foreground(softness=0.2)",
        ),
    ),
    "parts": Entry(
        "maskwright.masking.parts:PartsPolicy",
        "from inside every part to whole parts together (SemMAE)",
        examples=(
            "parts",
            "parts(whole=1, weights={face: 3, background: 0.5})",
            "parts(whole=0.5, protect=[eyes], protection=1)",
        ),
    ),
    "part_ratios": Entry(
        "maskwright.masking.parts:PartRatiosPolicy",
        "a ratio for each part: part_ratios({face: 0.9, eyes: 0.5})",
        examples=("part_ratios({face: 0.9, background: 0.5})",),
    ),
    "mixture": Entry(
        "maskwright.masking.mixture:MixturePolicy",
        "one of several policies per image: 0.5*random + 0.5*block",
        examples=("0.5*random + 0.5*block", "0.5*random + 0.5*hard"),
    ),
    "blend": Entry(
        "maskwright.masking.mixture:BlendPolicy",
        "several rankings added up: blend(0.5*random + 0.5*block)",
        examples=("blend(0.5*block + 0.5*red)",),
    ),
    "complement": Entry(
        "maskwright.masking.wrappers:ComplementPolicy",
        "visible and masked swapped: complement(rectangles)",
        examples=("complement(rectangles)",),
    ),
    "turns": Entry(
        "maskwright.masking.wrappers:TurnsPolicy",
        "several masks of a picture share out what is visible: turns(random)",
        examples=("turns(block(size=2))",),
    ),
    "components": Entry(
        "maskwright.masking.components:ComponentsPolicy",
        "no patches but components of whole pictures, by their variance (PMAE)",
        examples=("components", "components(basis=dct, share=0.6)", "components(of=block(size=2))"),
    ),
    "given": Entry("maskwright.masking.given:GivenPolicy", "masks from your own files or arrays"),
}

Reader = Callable[[Call], Policy]
_SUMS = ("mixture", "blend")


def policy_examples(name: str) -> tuple[str, ...]:
    """Lines that show a policy of the catalog, each of them complete."""
    return POLICIES[name].examples or (name,)


def build_policy(
    value: str | Mapping[str, Any], readers: Mapping[str, Reader] | None = None
) -> Policy:
    """Build a policy from `block(size=4)`, `0.5*random + 0.5*block` or {name: block, size: 4}.

    >>> build_policy("block(size=4)")
    BlockPolicy(size=4, shift=False)

    A sum of several policies is a mixture. Every policy takes the option `mix`, a number or
    schedule: the share of masked patches that it chooses, chance choosing the others.

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
        """A sum of that kind; a single term is the policy itself, without its weight."""
        if len(terms) == 1:
            return self.build_call(terms[0].call)
        parts = [self.build_call(term.call) for term in terms]
        weights = [term.weight for term in terms]
        return build("policy", POLICIES, Call(kind, (), {"parts": parts, "weights": weights}))

    def build_call(self, call: Call) -> Policy:
        """The policy that a call names, with a share left to chance where one is said or usual."""
        options = dict(call.options)
        share = options.pop("mix", None)
        policy = self._build_plain(replace(call, options=options))
        if share is None:
            share = policy.traits.usual_mix
        return policy if share is None else MixPolicy(of=policy, share=share)

    def _build_plain(self, call: Call) -> Policy:
        """The policy without `mix`; policies among its options are built before it is."""
        if call.name in self.readers:
            return self.readers[call.name](call)
        is_sum = call.name in _SUMS
        match call:
            # blend(0.5*random + 0.5*block)
            case Call(args=([Weighted(), *_] as terms,)) if (
                is_sum and len(terms) > 1 and not call.options
            ):
                return self.build_sum(terms, call.name)
            # blend(parts=[random, block])
            case Call(options={"parts": list(parts)}) if is_sum:
                built = [self._build_part(part) for part in parts]
                return build("policy", POLICIES, _with_options(call, parts=built))
            # turns(random) and turns(of=random)
            case Call(args=(part,)) if _holds_policy(call, first=True):
                return build("policy", POLICIES, replace(call, args=(self._build_part(part),)))
            case Call(options={"of": part}) if _holds_policy(call):
                return build("policy", POLICIES, _with_options(call, of=self._build_part(part)))
        return build("policy", POLICIES, call)

    def _build_part(self, part: Any) -> Any:
        """Build a policy that stands inside another; a finished policy stays.

        part: a call, a sum, or the text or mapping of one.
        """
        if isinstance(part, Call):
            return self.build_call(part)
        if isinstance(part, list) and all(isinstance(term, Weighted) for term in part):
            return self.build_sum(part, "mixture")
        if isinstance(part, (str, Mapping)):
            return self.build_sum(parse_sum(part), "mixture")
        return part


def _holds_policy(call: Call, *, first: bool = False) -> bool:
    """Whether the policy of that name is made of one other policy; first: its first option is."""
    if call.name not in POLICIES:
        return False
    names = [item.name for item in fields(POLICIES[call.name].load())]
    return names[:1] == ["of"] if first else "of" in names


def _with_options(call: Call, **options: Any) -> Call:
    return replace(call, options={**call.options, **options})
