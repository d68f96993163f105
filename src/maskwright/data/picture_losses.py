"""What each training picture costs, and how often it is drawn for that (`--sample loss`).

After the self-curation of Pixio (Yang et al. 2025, arXiv 2512.15715), where pictures that are hard
to reconstruct are sampled more often. There an earlier model judges the whole collection once,
before the training; here the model in training judges, and its judgment follows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from maskwright.data.sampling import LossSampling
from maskwright.support.sample_ids import join_turns, picture_ids
from maskwright.support.seeding import torch_generator

# What is remembered of a picture that was not seen yet.
UNSEEN = -1.0


class PictureLosses:
    """The running loss of every training picture, and the order of each epoch that follows from it.

    All processes of a training hold the same. The weights of an epoch are those of its beginning,
    so its order is fixed and an interrupted epoch goes on in the same one.
    """

    def __init__(self, keys: Sequence[str], sampling: LossSampling) -> None:
        """Begin without having seen any.

        keys: the pictures' names, in the order of the store.
        """
        self.sampling = sampling
        self.losses = torch.full((len(keys),), UNSEEN)
        # What the current epoch was drawn from, and which epoch that is.
        self._drawn_from = self.losses.clone()
        self._epoch = -1
        self._keys = _hash_keys(keys)
        # Of good steps, in their order, waiting on the device until somebody looks.
        self._waiting: list[tuple[Tensor, Tensor]] = []

    def observe(self, sample_ids: Tensor, losses: Tensor) -> None:
        """Take in the losses (B,) of a step, by the sample ids of all processes."""
        self._waiting.append((sample_ids.detach(), losses.detach()))

    def order(self, seed: int, epoch: int) -> Tensor:
        """(n,) sample ids of an epoch: every picture about as often as its weight says.

        Systematic resampling: a picture of weight w comes floor(w) or ceil(w) times. Repetitions
        carry a number of their own, so that crops and masks differ. With equal weights this is the
        order of a uniform training.
        """
        if epoch != self._epoch:
            self._take_in()
            self._drawn_from, self._epoch = self.losses.clone(), epoch
        weights = weights_of(self.sampling, self._drawn_from)
        count = len(weights)
        generator = torch_generator(seed, "order", epoch)
        shuffled = torch.randperm(count, generator=generator)
        if bool((weights == weights[0]).all()):
            return shuffled
        start = torch.rand(1, generator=generator, dtype=torch.float64)
        # Equal steps through the summed weights; each falls on one picture.
        ends = weights.cumsum(0) * (count / weights.sum())
        places = torch.arange(count, dtype=torch.float64) + start
        drawn = torch.searchsorted(ends, places, right=True).clamp(max=count - 1)
        # (n,) sorted pictures: the place within its run of equals is the number of a repetition
        first = torch.searchsorted(drawn, drawn)
        return join_turns(drawn, torch.arange(count) - first)[shuffled]

    def effective_share(self) -> float:
        """How many pictures an epoch is worth, as a share: 1 when all are drawn alike."""
        weights = weights_of(self.sampling, self._drawn_from)
        return float(weights.sum() ** 2 / (len(weights) * weights.square().sum()))

    def state(self) -> dict[str, Any]:
        """Everything for a checkpoint."""
        self._take_in()
        return {
            "keys": self._keys,
            "losses": self.losses.clone(),
            "drawn_from": self._drawn_from.clone(),
            "epoch": self._epoch,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what a checkpoint says of these pictures, found by their names."""
        known, order = state["keys"].sort()
        at = torch.searchsorted(known, self._keys).clamp(max=len(known) - 1)
        is_known = known[at] == self._keys
        places = order[at]
        self.losses = torch.where(is_known, state["losses"][places], UNSEEN)
        self._drawn_from = torch.where(is_known, state["drawn_from"][places], UNSEEN)
        self._epoch = int(state["epoch"])
        self._waiting = []

    def _take_in(self) -> None:
        """Blend what waits into the running losses, step by step."""
        waiting, self._waiting = self._waiting, []
        for sample_ids, losses in waiting:
            pictures = picture_ids(sample_ids.cpu())
            values = losses.float().cpu()
            # A loss that is not finite is not remembered.
            good = values.isfinite()
            # Several masks or draws of a picture in one step count together.
            rows, place = pictures[good].unique(return_inverse=True)
            sums = torch.zeros(len(rows)).index_add_(0, place, values[good])
            mean = sums / torch.bincount(place, minlength=len(rows)).clamp(min=1)
            # The first loss of a picture is taken as it is, later ones are averaged in.
            old = self.losses[rows]
            keep = self.sampling.keep
            blended = keep * old + (1 - keep) * mean
            self.losses[rows] = torch.where(old < 0, mean, blended)


def weights_of(sampling: LossSampling, losses: Tensor) -> Tensor:
    """(n,) float64 weights with mean 1 of (n,) running losses."""
    known = losses.double()
    seen = known >= 0
    if not seen.any():
        return torch.ones(len(losses), dtype=torch.float64)
    # What was never seen is drawn like the hardest, so that it is seen soon.
    raised = torch.where(seen, known, known.max()).pow(sampling.power)
    # Losses of 0 alone say nothing about which picture is harder.
    mean = raised.mean()
    hard = raised / mean if mean > 0 else torch.ones_like(raised)
    return sampling.uniform + (1 - sampling.uniform) * hard


def _hash_keys(keys: Sequence[str]) -> Tensor:
    """(n,) int64 hashes of whole names: windows of a picture are pictures of their own here."""
    digests = [
        hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).digest()
        for key in keys
    ]
    return torch.tensor([int.from_bytes(digest, "little", signed=True) for digest in digests])
