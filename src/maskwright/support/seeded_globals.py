"""Seeded chance for libraries that draw from Python's and NumPy's global generators and know no
other way.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def seeded_globals() -> Iterator[Callable[[int], None]]:
    """Give a function that seeds both global generators; afterwards they are as they were, as if
    nothing had been drawn.
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield _seed
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
