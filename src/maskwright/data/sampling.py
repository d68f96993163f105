"""How often each training picture is drawn: `uniform`, or `loss(power=1, uniform=0.25)`.

Free of torch, because settings are checked with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.support.checks import check_inside, check_number
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.shorthand import Call, parse_value

UNIFORM, BY_LOSS = "uniform", "loss"


@dataclass(frozen=True, kw_only=True)
class LossSampling:
    """How losses become chances.

    power: a picture is drawn as often as its loss to this power says; 0 draws all alike.
    uniform: share of the draws that all pictures have alike, so that none is forgotten.
    keep: share of the old running loss that stays when a picture is seen again.
    """

    power: float = 1.0
    uniform: float = 0.25
    keep: float = 0.5

    def __post_init__(self) -> None:
        check_number("power", self.power, 0, owner="Sampling by loss")
        check_inside("uniform", self.uniform, 0.0, 1.0, owner="Sampling by loss")
        # At 1 a running loss would never move from where it began.
        check_inside("keep", self.keep, 0.0, 0.999, owner="Sampling by loss")


def parse_sampling(text: str) -> LossSampling | None:
    """Read `uniform`, `loss` or `loss(power=2, uniform=0.1)`; None for uniform.

    Raises MaskwrightError with the nearest known word for anything else.
    """
    call = parse_value(text)
    if not isinstance(call, Call) or call.name not in (UNIFORM, BY_LOSS):
        raise unknown_name(
            "sampling", call.name if isinstance(call, Call) else text, (UNIFORM, BY_LOSS)
        )
    if call.name == UNIFORM and not call.args and not call.options:
        return None
    known = list(LossSampling.__dataclass_fields__)
    if call.name == UNIFORM or call.args or set(call.options) - set(known):
        raise MaskwrightError(
            f"Sampling is written uniform, loss or loss(power=2), with options {', '.join(known)};"
            f" got '{text}'."
        )
    return LossSampling(**call.options)
