"""Parts of one result: files of several processes that are joined when all of them are there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from maskwright.support.count_progress import CountProgress, PictureCounter
from maskwright.support.files import write_atomic
from maskwright.training.group import Group
from maskwright.workflows.dividing.processes import together
from maskwright.workflows.dividing.stretches import (
    Stretch,
    count_batches,
    divide,
    missing,
    without_overlap,
)

# A killed process loses what it has not written yet: at most so many batches.
MOST_BATCHES = 64
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Parts:
    """A folder of parts, each named after the batches that it holds.

    A job that was interrupted leaves the folder behind. The next one, of as many processes or of
    others, does what is missing.

    folder: where they lie; its name says what the result is of, so that nothing else is found.
    ending: of their names, such as `.parquet`.
    """

    folder: Path
    ending: str

    def place(self, stretch: Stretch) -> Path:
        """The file of some batches."""
        return self.folder / f"{stretch.first:08d}-{stretch.end:08d}{self.ending}"

    def finished(self) -> list[Stretch]:
        """The batches that are there, in order."""
        found = []
        # What is still being written begins with a dot and ends otherwise.
        for path in self.folder.glob(f"[0-9]*-[0-9]*{self.ending}"):
            first, _, end = path.name.removesuffix(self.ending).partition("-")
            found.append(Stretch(int(first), int(end)))
        return without_overlap(found)

    def remove(self) -> None:
        """Take the folder away, when the whole is written."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Batches:
    """Pictures in batches.

    total: how many pictures.
    size: of a batch; the last may be smaller.
    """

    total: int
    size: int


@dataclass(frozen=True)
class Share:
    """What this process does of some work, and what there is in all.

    mine: stretches of this process, in order.
    every: those that were finished before and those of all processes, in order.
    """

    mine: list[Stretch]
    every: list[Stretch]


def plan_share(group: Group, parts: Parts, total: int) -> Share:
    """Divide what is missing of `total` batches among the processes."""
    # All go by what the first one sees: on a shared disk the others may see it a little later.
    done = group.hear_first(parts.finished() if group.is_first else None)
    shares = divide(missing(total, done), group.world_size, MOST_BATCHES)
    return Share(shares[group.rank], sorted([*done, *chain.from_iterable(shares)]))


def write_share(
    group: Group, parts: Parts, share: Share, write: Callable[[Stretch, Path], None]
) -> None:
    """Do this process's share, and wait until the others have done theirs.

    write: writes the part of a stretch to a file.

    Raises MaskwrightError on every process when one of them cannot do its share.
    """
    with together(group):
        for stretch in share.mine:
            write_atomic(parts.place(stretch), partial(write, stretch))


def make_in_parts(
    group: Group,
    parts: Parts,
    pictures: Batches,
    progress: CountProgress,
    make: Callable[[range, PictureCounter], Tensors],
) -> Tensors:
    """Tensors whose rows are pictures, made by all processes; the first gets them, the others none.

    Every process works on the batches that one process would make: their sizes may change the last
    bits.

    make: from the numbers of some pictures to their rows; it counts them as they are done.
    """
    share = plan_share(group, parts, count_batches(pictures.total, pictures.size))
    rows = {stretch: stretch.rows(pictures.size, pictures.total) for stretch in share.mine}
    counter = PictureCounter(progress, sum(map(len, rows.values())))

    def write(stretch: Stretch, path: Path) -> None:
        write_tensors(path, make(rows[stretch], counter))

    write_share(group, parts, share, write)
    if not group.is_first:
        return {}
    joined = join_tensors(parts, share)
    parts.remove()
    return joined


def write_tensors(path: Path, tensors: Tensors) -> None:
    """Write a part of tensors whose rows are pictures."""
    path.write_bytes(save({name: value.contiguous() for name, value in tensors.items()}))


def join_tensors(parts: Parts, share: Share) -> Tensors:
    """The rows of all parts, one after another."""
    loaded = [load_file(parts.place(stretch)) for stretch in share.every]
    joined: Tensors = {}
    for name in loaded[0]:
        joined[name] = torch.cat([part[name] for part in loaded])
    return joined
