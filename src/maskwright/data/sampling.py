"""How the training pictures of an epoch are drawn: `uniform`, `loss(...)` or `blocks(...)`.

Free of torch, because settings are checked with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.support.checks import check_count, check_inside, check_number
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.shorthand import Call, parse_value


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


@dataclass(frozen=True, kw_only=True)
class BlockSampling:
    """Each picture once, with neighbors read together.

    size: neighboring pictures that form a block; about as many as a shard holds.
    buffer: blocks whose pictures are mixed at a time; the more, the better the shuffle and the more
        files are read at once.
    """

    size: int = 1024
    buffer: int = 16

    def __post_init__(self) -> None:
        check_count("size", self.size, owner="Sampling by blocks")
        check_count("buffer", self.buffer, owner="Sampling by blocks")


Sampling = LossSampling | BlockSampling
UNIFORM = "uniform"
_KINDS: dict[str, type[Sampling]] = {"loss": LossSampling, "blocks": BlockSampling}


def parse_sampling(text: str) -> Sampling | None:
    """Read `uniform`, `loss(power=2, uniform=0.1)` or `blocks(size=1000)`; None for uniform.

    Raises MaskwrightError with the nearest known word for anything else.
    """
    names = (UNIFORM, *_KINDS)
    call = parse_value(text)
    if not isinstance(call, Call) or call.name not in names:
        raise unknown_name("sampling", call.name if isinstance(call, Call) else text, names)
    kind = _KINDS.get(call.name)
    known = [] if kind is None else list(kind.__dataclass_fields__)
    if call.args or set(call.options) - set(known):
        options = f" with options {', '.join(known)}" if known else ", without options"
        raise MaskwrightError(f"Sampling '{call.name}' is written so{options}; got '{text}'.")
    return None if kind is None else kind(**call.options)
