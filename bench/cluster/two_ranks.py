"""The processes of bench/cluster/matrix.py: each joins once and takes one cell after another."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

import maskwright
import maskwright.workflows.pretrain as pretraining
import maskwright.workflows.runs.curves as curves
from maskwright.components.mask import ComponentMask
from maskwright.masking.policy import Scene
from maskwright.patches.mask import PatchMask
from maskwright.support.reporting import LogReporter
from maskwright.support.variables import find_launch
from maskwright.training.checkpoints import Checkpoints
from maskwright.training.clock import Clock
from maskwright.training.component_masker import ComponentMasker
from maskwright.training.group import Group, joined_group
from maskwright.training.masker import Masker
from maskwright.training.trainer import Trainer

TINY: dict[str, Any] = {
    "image_size": 16,
    "patch_size": 4,
    "model": "vit_nano",
    "width": 24,
    "depth": 1,
    "heads": 2,
    "decoder_width": 16,
    "decoder_depth": 1,
    "decoder_heads": 2,
    "lr": 1e-3,
    "warmup": 0.0,
    "ratio": "0.5->0.75",
    "device": "cpu",
    "precision": "32-true",
    "track": ["none"],
    "sample_every": 1000,
    "checkup": False,
}
# Batches of each process in an epoch: 48 pictures, 4 for each of two processes.
BATCH = 4
# Where the second process asks for a stop: inside an epoch, and inside an accumulation of three.
STOP_AFTER = 5
# A batch takes two seconds by the made-up clock of the first process, and more by the second's.
SECONDS, SLOWER = 2.0, 1.37


@dataclass
class Seen:
    """What a training leaves in this process.

    masks: (epoch, sample) -> ids of the masked patches.
    state: everything that an end consists of, by name.
    """

    masks: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def work(cells: list[Any], place: Path) -> None:
    """Join the other process and train every cell; the first one writes the rows."""
    torch.set_num_threads(1)
    launch = find_launch()
    assert launch is not None
    rows = []
    black = np.zeros((8, 8, 3), np.uint8)
    with (
        joined_group(launch) as group,
        # Drawing curves takes as long as training such a small model.
        patch.object(curves, "training_curves", lambda *rows, **named: black),
        # `pretrain` joins and leaves by itself; here the processes stay together.
        patch.object(pretraining, "joined_group", lambda _: stay(group)),
    ):
        for number, cell in enumerate(cells):
            rows.append(train_cell(cell, place / str(number), place / "pictures.npy", group))
            if group.is_first:
                print(f"{number + 1} of {len(cells)}: {cell}", flush=True)
                (place / "rows.json").write_text(json.dumps(rows))


@contextmanager
def stay(group: Group) -> Iterator[Group]:
    """The group as it is."""
    yield group


def train_cell(cell: Any, folder: Path, pictures: Path, group: Group) -> dict[str, Any]:
    """Straight through, with a stop, and by one process alone; what came out, compared."""
    settings = {**TINY, **cell.settings(BATCH), "devices": group.world_size}
    straight = train(group, pictures, out=folder / "straight", **settings)
    with stopping(group):
        train(group, pictures, out=folder / "stopped", **settings)
    group.hear_all(None)  # the first process has written by now that the run was stopped
    stopped_at = maskwright.open_run(folder / "stopped").status
    assert stopped_at["state"] == "stopped", stopped_at
    resumed = train(group, None, out=folder / "stopped", resume=True)

    digests = group.hear_all([digest(straight.state), digest(resumed.state)])
    masks = merge(group, straight.masks)
    again = merge(group, resumed.masks)
    row = {
        "cell": str(cell),
        "ranks_equal": all(one == digests[0] for one in digests),
        "resumed_equal": digests[0][0] == digests[0][1]
        and all(masks[place] == mask for place, mask in again.items()),
        "counts_equal": straight.counts == resumed.counts,
        "images": straight.counts["images"],
        "same_masks": None,
        "off_alone": None,
    }
    if cell.length == "steps":
        alone = None
        if group.is_first:
            alone = train_alone(cell, folder / "alone", pictures, group)
            same = [masks.get(place) == mask for place, mask in alone.masks.items()]
            row["same_masks"] = sum(same) / len(same)
            row["off_alone"] = largest_difference(alone.state, straight.state)
            row["counts_equal"] = row["counts_equal"] and alone.counts == straight.counts
        # The other process waits for the next cell until this one is done.
        group.hear_first(None)
    return row


def train(group: Group, pictures: Path | None, **settings: Any) -> Seen:
    """One pretraining in both processes."""
    seen = Seen()
    with recording(seen, group):
        maskwright.pretrain(
            None if pictures is None else str(pictures),
            reporter=LogReporter(visible=False),
            **settings,
        )
    return seen


def train_alone(cell: Any, out: Path, pictures: Path, group: Group) -> Seen:
    """The same cell in this process alone, with batches as large as those of all together."""
    size = os.environ.pop("WORLD_SIZE")
    try:
        settings = {**TINY, **cell.settings(BATCH * group.world_size)}
        return train(Group(), pictures, out=out, **settings)
    finally:
        os.environ["WORLD_SIZE"] = size


@contextmanager
def recording(seen: Seen, group: Group) -> Iterator[None]:
    """Write down masks and the end of trainings, and let the clock go by batches."""
    batches = 0
    run_batch, fit = Trainer._run_batch, Trainer.fit
    draws: dict[type, Any] = {masker: masker.draw for masker in (Masker, ComponentMasker)}

    def recorded(self: Masker | ComponentMasker, scene: Scene) -> PatchMask:
        mask = draws[type(self)](self, scene)
        epoch = seen.state["epoch"]
        assert scene.sample_ids is not None
        # Of patches, or of the parts of whole pictures, which may be of other counts.
        hidden = mask.is_hidden if isinstance(mask, ComponentMask) else mask.is_masked
        for sample, flags in zip(scene.sample_ids.tolist(), hidden, strict=True):
            seen.masks[epoch, sample] = tuple(flags.nonzero().flatten().tolist())
        return mask

    def counted(self: Trainer, *given: Any) -> None:
        nonlocal batches
        seen.state["epoch"] = self.current_epoch
        run_batch(self, *given)
        batches += 1

    def fitted(self: Trainer, module: Any, *given: Any) -> None:
        fit(self, module, *given)
        checkpoint = {"state_dict": module.state_dict(), "moments": self.optimizer.state_dict()}
        if self.average is not None:
            self.average.save(checkpoint)
        seen.state = {**checkpoint, "step": self.global_step}
        seen.counts = module.totals()

    def by_batches(self: Clock) -> float:
        pace = SECONDS * (1.0 if group.is_first else SLOWER)
        return float(self.earlier_seconds + batches * pace)

    with ExitStack() as stack:
        for masker in draws:
            stack.enter_context(patch.object(masker, "draw", recorded))
        stack.enter_context(patch.object(Trainer, "_run_batch", counted))
        stack.enter_context(patch.object(Trainer, "fit", fitted))
        stack.enter_context(patch.object(Clock, "now", by_batches))
        yield


@contextmanager
def stopping(group: Group) -> Iterator[None]:
    """Let the last process alone ask for a stop."""
    heard = Checkpoints.on_train_batch_end

    def asking(self: Checkpoints, trainer: Trainer, module: Any) -> None:
        done = trainer.current_epoch * trainer.num_training_batches + module.batches_done
        if group.rank == group.world_size - 1:
            self.wants_stop = lambda: done >= STOP_AFTER
        heard(self, trainer, module)

    with patch.object(Checkpoints, "on_train_batch_end", asking):
        yield


def merge(group: Group, masks: dict[Any, Any]) -> dict[Any, Any]:
    """The masks of all processes."""
    merged: dict[Any, Any] = {}
    for part in group.hear_all(masks):
        assert not merged.keys() & part.keys()  # no sample is seen twice
        merged |= part
    return merged


def digest(state: Any) -> str:
    """A hash of every bit of a nested state."""
    found = hashlib.blake2b(digest_size=16)

    def take(value: Any) -> None:
        if isinstance(value, Tensor):
            found.update(value.detach().contiguous().numpy().tobytes())
        elif isinstance(value, dict):
            for name in sorted(value, key=str):
                found.update(str(name).encode())
                take(value[name])
        elif isinstance(value, (list, tuple)):
            for item in value:
                take(item)
        else:
            found.update(repr(value).encode())

    take(state)
    return found.hexdigest()


def largest_difference(left: dict[str, Any], right: dict[str, Any]) -> float:
    """The largest difference of two weights."""
    pairs = [
        (value, right["state_dict"][name])
        for name, value in left["state_dict"].items()
        if isinstance(value, Tensor) and value.dtype == torch.float32
    ]
    return max(float((one - other).abs().max()) for one, other in pairs)
