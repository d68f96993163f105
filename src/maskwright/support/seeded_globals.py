"""Seeded chance for libraries that can only draw from Python's and NumPy's global generators."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def seeded_globals() -> Iterator[Callable[[int], None]]:
    """Give a function that seeds both global generators.

    Afterwards they are as they were, as if nothing had been drawn.
    """
    python_state = random.getstate()
    numpy_state = np.random.get_state()
    try:
        yield _seed
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)  # NumPy takes 32 bits and refuses more
