"""How the threads of a CPU wait for each other; free of torch, because it has to be said before torch is loaded."""

from __future__ import annotations

import os

SPINS = "2000"


def wait_briefly() -> None:
    """Let waiting OpenMP threads sleep soon, not spin, unless the user says otherwise: beside busy programs this halves a step."""
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPINS
