"""check_policy as a value, so that a test says what it expects of a policy."""

from __future__ import annotations

from typing import Any

from maskwright.masking.contract import check_policy
from maskwright.masking.policy import Policy


def find_breach(policy: Policy, **how: Any) -> str | None:
    """The sentence with which check_policy refuses a policy, or None if every promise is kept."""
    try:
        check_policy(policy, **how)
    except AssertionError as broken:
        return str(broken)
    return None
