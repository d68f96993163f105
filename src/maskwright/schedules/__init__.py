"""Numbers that change with training time: ratio, temperature, weights, shares."""

from maskwright.schedules.parse import parse_schedule, parse_share
from maskwright.schedules.shapes import (
    LEVELS,
    Constant,
    Cosine,
    Linear,
    Schedule,
    Steps,
    Uniform,
)

__all__ = [
    "LEVELS",
    "Constant",
    "Cosine",
    "Linear",
    "Schedule",
    "Steps",
    "Uniform",
    "parse_schedule",
    "parse_share",
]
