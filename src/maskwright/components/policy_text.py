"""Whether a policy, as settings write it, hides components of whole pictures instead of patches.

Free of torch, so that help and mistakes answer at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskwright.schedules import parse_schedule
from maskwright.support.errors import MaskwrightError
from maskwright.support.shorthand import Call, parse_sum

COMPONENTS = "components"


def hides_components(policy: str | Mapping[str, Any] | None) -> bool:
    """Whether the policy of a run, as its settings write it, hides components."""
    return policy is not None and _component_call(policy) is not None


def ratio_with_share(policy: str | Mapping[str, Any], ratio: Any, usual: Any) -> Any:
    """The ratio of a run: the share that `components(share=...)` says, where it says one.

    usual: the ratio of whoever gives none.

    Raises MaskwrightError for a ratio beside another share.
    """
    call = _component_call(policy)
    share = None if call is None else call.options.get("share")
    if share is None:
        return ratio
    said, wanted = parse_schedule(ratio), parse_schedule(share)
    if said not in (wanted, parse_schedule(usual)):
        raise MaskwrightError(
            f"The ratio is {said} and the policy hides a share of {wanted}; they are the same"
            " setting, so give one of them."
        )
    return share


def require_patches(settings: Mapping[str, Any], owner: str) -> None:
    """Raise MaskwrightError where masked patches are asked of a model that never met one.

    settings: of its training, flat.
    owner: what the model is called, for the message.
    """
    policy = settings.get("policy")
    if not hides_components(policy):
        return
    raise MaskwrightError(
        f"{owner} was trained to predict hidden components of whole pictures ({policy}) and has"
        " never met a masked patch, so it cannot fill patches in. `maskwright reconstruct RUN"
        " PICTURES` shows what it does; features, probes and fine-tuning work as for any run."
    )


def _component_call(policy: str | Mapping[str, Any]) -> Call | None:
    """The call of the policy, None for any other, and for lines that cannot be read."""
    try:
        terms = parse_sum(policy)
    except MaskwrightError:
        return None  # whoever builds it says what is wrong
    is_alone = len(terms) == 1 and terms[0].call.name == COMPONENTS
    return terms[0].call if is_alone else None
