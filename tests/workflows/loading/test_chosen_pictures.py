"""Pictures named for reconstruction: of very many some are measured, spread over all of them."""

from __future__ import annotations

import numpy as np

import maskwright
from maskwright.workflows.loading import chosen_pictures
from maskwright.workflows.loading.chosen_pictures import choose_pictures


def test_of_many_pictures_those_measured_are_spread_over_all(
    small_run: maskwright.Run, monkeypatch
) -> None:
    monkeypatch.setattr(chosen_pictures, "MOST", 5)
    size = small_run.load().model.config.image_size
    pictures = np.broadcast_to(np.arange(9, dtype=np.uint8)[:, None, None, None], (9, *size, 3))
    chosen = choose_pictures([pictures[:4], pictures[4:]], small_run.load())
    assert chosen.images[:, 0, 0, 0].tolist() == [0, 2, 4, 6, 8]
    few = choose_pictures(pictures[:3].copy(), small_run.load())
    assert few.images[:, 0, 0, 0].tolist() == [0, 1, 2]
