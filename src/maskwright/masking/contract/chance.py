"""Promises about chance: a mask depends on (seed, epoch, sample) and on nothing else."""

from __future__ import annotations

import math
import pickle
import random

import numpy as np
import torch
from torch import Tensor

from maskwright.masking.contract.cases import CHUNK, Case


def check_seed(case: Case) -> None:
    """The same seed gives the same masks."""
    ids = torch.arange(64)
    assert torch.equal(case.flags(ids), case.flags(ids)), (
        f"{case}: the same seed gave two different masks."
    )


def check_epochs(case: Case) -> None:
    """Masks of two epochs agree no more than chance has them agree.

    It is left out where few masks are to choose from, or maps decide.
    """
    if not case.policy.traits.uniform or case.policy.traits.needs:
        return
    ids = torch.arange(CHUNK)
    both = case.flags(ids) & case.flags(ids, epoch=1)
    overlap = both.sum(1).double() / case.num_masked  # (B,)

    # independent masks share as much as the ratio says
    expected = case.num_masked / case.grid.num_patches
    error = float(overlap.std()) / math.sqrt(len(overlap))
    mean = float(overlap.mean())
    # five standard errors: a sound policy fails once in two million
    assert abs(mean - expected) <= 5 * error + 1e-9, (
        f"{case}: masks of two epochs share {mean:.3f} of their patches where independent ones"
        f" share {expected:.3f}."
    )


def check_batch_mates(case: Case) -> None:
    """A sample's mask is the same in any order, alone, and in another batch."""
    together = case.flags(torch.arange(12))
    singles = [case.flags(torch.tensor([sample])) for sample in range(12)]
    others_first = torch.cat([torch.arange(100, 105), torch.arange(12)])
    again = {
        "in another order": case.flags(torch.arange(12).flip(0)).flip(0),
        "alone": torch.cat(singles),
        "in another batch": case.flags(others_first)[5:],
    }
    # exactly: a score that differs in its last digit may already swap two patches
    for name, flags in again.items():
        assert torch.equal(together, flags), (
            f"{case}: a sample's mask changed when it came {name}; it may depend on its own stream"
            " only."
        )


def check_global_rng(case: Case) -> None:
    """Global generators are neither used nor moved."""
    first, first_stayed = _draw_with_global_seed(case, 987)
    second, second_stayed = _draw_with_global_seed(case, 654)
    assert all((first_stayed, second_stayed)), (
        f"{case}: a global random generator was used; draw from scene.rng."
    )
    # a policy that seeds the generators itself leaves other traces
    assert torch.equal(first, second), (
        f"{case}: the mask follows a global seed; draw from scene.rng."
    )


def check_autocast(case: Case) -> None:
    """Reduced precision around the policy changes no mask."""
    ids = torch.arange(64)
    with torch.autocast("cpu", torch.bfloat16):
        reduced = case.flags(ids)
    assert torch.equal(reduced, case.flags(ids)), (
        f"{case}: the mask changed under bfloat16 autocast; compute scores in float32."
    )


def _draw_with_global_seed(case: Case, seed: int) -> tuple[Tensor, bool]:
    """Draw masks with every global generator seeded anew.

    Returns the masks, and whether the generators stayed where they were; afterwards they are as
    before the call.
    """
    numpy_state = np.random.get_state()
    python_state = random.getstate()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        # a policy that draws from one of them moves it
        before = _global_states()
        try:
            flags = case.flags(torch.arange(8))
            return flags, _global_states() == before
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)


def _global_states() -> tuple[bytes, bytes, str]:
    """The states of torch's, NumPy's and Python's generators, to be compared."""
    return (
        torch.get_rng_state().numpy().tobytes(),
        pickle.dumps(np.random.get_state()),
        str(random.getstate()),
    )
