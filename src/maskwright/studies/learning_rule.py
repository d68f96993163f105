"""What may be said of arms that have not learned: never that nothing differs."""

from __future__ import annotations

NOT_LEARNED = "no verdict: not shown to have learned"
BASELINE_NOT_LEARNED = "no verdict: the baseline is not shown to have learned"


def limit_verdict(
    verdict: str, *, is_shown: bool, has_learned: bool, baseline_has_learned: bool
) -> str:
    """The verdict on an arm, in view of whether it and the baseline learned at all.

    Two encoders that are no better than random weights are alike whatever they were trained with,
    so they cannot support "no difference". A difference that was shown stays: an arm that learned
    is better than one that did not. What is no verdict already, or an identity, stays too.

    verdict: of the paired test over seeds.
    is_shown: whether it says that a difference was shown.
    has_learned, baseline_has_learned: whether the mean is above the interval of random weights;
        not known counts as yes.
    """
    # Only the claim that nothing differs needs two arms that learned.
    if is_shown or not verdict.startswith("no difference"):
        return verdict
    if not has_learned:
        return NOT_LEARNED
    return verdict if baseline_has_learned else BASELINE_NOT_LEARNED
