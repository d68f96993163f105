"""The processes that train together: alone everything is answered at once, and each has a card."""

from __future__ import annotations

import pytest
import torch

from maskwright.training.group import Group
from maskwright.training.trainer import Machine


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        (4, [0, 1, 2, 3]),
        # SLURM shows each process its own card alone.
        (1, [0, 0, 0, 0]),
    ],
)
def test_every_process_has_a_card_that_it_sees(
    monkeypatch: pytest.MonkeyPatch, cards: int, expected: list[int]
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    machines = [
        Machine(
            device=torch.device("cuda"), precision="32-true", group=Group(rank, 4, local_rank=rank)
        )
        for rank in range(4)
    ]
    assert [machine.own_device.index for machine in machines] == expected


def test_a_process_alone_answers_for_all() -> None:
    alone, rows = Group(), torch.ones(2, 3)
    assert alone.is_first
    assert alone.hear_first("word") == "word"
    assert alone.hear_all("word") == ["word"]
    assert alone.total([1.0, 2.0]) == [1.0, 2.0]
    assert alone.gather_rows(rows) is rows
