"""Which train patches a dense probe is fitted on: drawn by chance, whole pictures held out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from maskwright.data.store.packed import PackedStore
from maskwright.data.store.same_picture import group_pictures, hash_names
from maskwright.data.store.stratified import choose_held
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import sample_rng
from maskwright.workflows.measuring.patch_tokens import PatchTokens

# A picture -> what is true of each of its patches, (N, K), NaN where nothing is known; None where
# the picture has no map.
Truth = Callable[[int], "np.ndarray | None"]


def held_pictures(store: PackedStore, share: float, seed: int) -> Tensor:
    """Pictures (n,) that choices are made on; windows and copies of a picture stay together."""
    names = hash_names(store.keys)
    return choose_held(
        round(share * len(store)),
        sample_rng(seed, 0, names, "dense probe").bits(1)[:, 0],
        groups=group_pictures(names, store.content),
        labels=store.labels,
    )


class TrainPatches:
    """Tokens and truth of train patches.

    tokens: (T, D).
    truth: (T, K).
    pictures: (T,) the picture of each.
    """

    def __init__(self, tokens: Tensor, truth: Tensor, pictures: Tensor) -> None:
        self.tokens = tokens
        self.truth = truth
        self.pictures = pictures

    def is_held(self, store: PackedStore, share: float, seed: int) -> Tensor:
        """Which of the patches (T,) belong to held-out pictures."""
        return held_pictures(store, share, seed)[self.pictures]


def draw_train_patches(tokens: PatchTokens, truth: Truth, most: int, seed: int) -> TrainPatches:
    """Patches about which something is known, at most `most` of them, the same for all encoders.

    Raises MaskwrightError where nothing is known about any.
    """
    store, grid = tokens.store, tokens.subject.grid
    # Each picture gives the same number, so that no large set is held in memory as a whole.
    per_picture = max(1, min(grid.num_patches, most // len(store)))
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    for ids, values in tokens:
        names = hash_names([store.keys[index] for index in ids.tolist()])
        order = sample_rng(seed, 0, names, "train patches").bits(grid.num_patches).argsort(1)
        for row, index in enumerate(ids.tolist()):
            known = truth(index)
            if known is None:
                continue
            rows = order[row, :per_picture]
            wanted = torch.from_numpy(known)[rows]
            # What is ignored says nothing and would only take room.
            says = ~wanted.isnan().any(1)
            picture = torch.full((int(says.sum()),), index)
            parts.append((values[row, rows][says], wanted[says], picture))
    return _join(parts)


def _join(parts: list[tuple[Tensor, Tensor, Tensor]]) -> TrainPatches:
    if not parts or not sum(len(picture) for _, _, picture in parts):
        raise MaskwrightError(
            "No train picture has a map that says anything about it. Check that maps are named"
            " like the pictures, and have their shape."
        )
    tokens, truth, pictures = (torch.cat(column) for column in zip(*parts, strict=True))
    return TrainPatches(tokens, truth, pictures)
