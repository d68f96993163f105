"""Policies that are read from files take their words as all others do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from maskwright.masking.given import GivenPolicy
from maskwright.patches import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.support.shorthand import parse_sum
from maskwright.workflows.building.policies import given_policy


def test_words_of_a_given_mask_need_no_quotes(tmp_path: Path) -> None:
    pixels = np.zeros((2, 8, 8), dtype=bool)
    pixels[0, 0, 0] = pixels[1, 7, 7] = True  # a sixteenth of a patch each
    np.save(tmp_path / "masks.npy", pixels)
    line = f"given('{tmp_path / 'masks.npy'}', cover=any, choose=by_chance)"
    policy = given_policy(parse_sum(line)[0].call, Grid(2, 2, 4))
    assert isinstance(policy, GivenPolicy)
    assert policy.choose == "by_chance"
    assert torch.equal(policy.masks.bool(), torch.eye(4, dtype=torch.bool)[[0, 3]])


def test_a_wrong_word_is_named_once(tmp_path: Path) -> None:
    np.save(tmp_path / "masks.npy", np.eye(8, dtype=bool)[None])
    line = f"given('{tmp_path / 'masks.npy'}', choose=by_chanse)"
    with pytest.raises(MaskwrightError, match=r"got 'by_chanse'\. Did you mean 'by_chance'"):
        given_policy(parse_sum(line)[0].call, Grid(2, 2, 4))
