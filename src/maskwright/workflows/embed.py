"""Embedding a data set: one vector per picture into a file, a batch at a time, by one process or
several.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from maskwright.data.pixels.decode import UnreadableImage
from maskwright.data.sources.survey import nothing_readable
from maskwright.data.store.packed import Skipped
from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.training.group import Group
from maskwright.workflows.dividing.parts import Parts, Share, plan_share, write_share
from maskwright.workflows.dividing.processes import (
    Work,
    first_alone,
    reporter_of,
    sharing_processes,
    together,
)
from maskwright.workflows.dividing.stretches import Stretch, count_batches
from maskwright.workflows.loading.pictures import format_skipped
from maskwright.workflows.loading.views import BATCH
from maskwright.workflows.measuring.embedding import Embedding, open_embedding
from maskwright.workflows.measuring.feature_files import FeatureWriter, open_writer
from maskwright.workflows.measuring.feature_parts import begin_parts, join_parts, write_part
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.embed_settings import EmbedSettings


@dataclass(frozen=True)
class Embedded:
    """What was written.

    path: the file.
    count: how many vectors.
    width: numbers of a vector.
    skipped: how many pictures could not be read.
    """

    path: Path
    count: int
    width: int
    skipped: int


@takes(EmbedSettings, "run", "data")
def embed(settings: EmbedSettings, reporter: Reporter | None = None) -> Embedded:
    """Write keys, features (float32) and labels of all pictures to `out`, .npz or .parquet.

    Pictures are decoded as they are needed, so neither memory nor the cache grows with the data.
    Unreadable ones are skipped, counted and named. Several processes write parts, which the first
    one joins; parts that an interrupted job has left are kept.
    """
    reporter = reporter or usual_reporter()
    work = Work("embed", settings)
    with sharing_processes(work, settings.devices, settings.data) as group:
        return write_embedding(settings, group, reporter_of(group, reporter))


def write_embedding(settings: EmbedSettings, group: Group, reporter: Reporter) -> Embedded:
    """`embed` for one of the processes of a group; all of them return the same."""
    job = first_alone(group, lambda: _open(settings, group, reporter))
    parts = Parts(job.parts_folder, ".parquet")
    share = None
    # One process writes straight into the file, unless it finds parts to go on with.
    if group.world_size > 1 or parts.folder.exists():
        share = plan_share(group, parts, count_batches(len(job.source), BATCH))
        _write_parts(job, group, parts, share)
    done = None
    with together(group):
        if group.is_first:
            done = _write_whole(job, parts, share)
    return group.hear_first(done)


def _open(settings: EmbedSettings, group: Group, reporter: Reporter) -> Embedding:
    """Open everything, and look what an interrupted job has left."""
    job = open_embedding(settings, group.world_size, reporter)
    if group.is_first and (group.world_size > 1 or job.parts_folder.exists()):
        begin_parts(job.parts_folder, job.identity(), reporter)
    return job


def _write_parts(job: Embedding, group: Group, parts: Parts, share: Share) -> None:
    """Write the parts of this process."""
    total = len(job.source)
    mine = sum(len(stretch.rows(BATCH, total)) for stretch in share.mine)
    counter = job.counter(mine, f"pictures of process {group.rank} of {group.world_size}")

    def write(stretch: Stretch, path: Path) -> None:
        pictures = job.pictures(stretch.rows(BATCH, total))
        write_part(path, job.embed(pictures, counter), pictures.skipped)

    write_share(group, parts, share, write)
    job.reporter.finish()


def _write_whole(job: Embedding, parts: Parts, share: Share | None) -> Embedded:
    """Write the file, from parts where there are any, and say so."""
    path, total = job.path, len(job.source)
    # Beside the file, so that nothing large goes through /tmp and the last step is a rename.
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as scratch:
        writer = open_writer(path, Path(scratch), job.width)
        if share is None:
            skipped = _write_straight(job, writer)
        else:
            skipped = join_parts(writer, map(parts.place, share.every))
        if len(skipped) == total:
            # Nothing of it is worth keeping.
            parts.remove()
            first = UnreadableImage(skipped[0].key, skipped[0].reason)
            raise MaskwrightError(nothing_readable(job.source.name, total, first))
        writer.finish(path, job.source.classes, job.place)
    parts.remove()
    if skipped:
        job.reporter.warn(format_skipped(skipped))
    count = total - len(skipped)
    job.reporter.say(f"{count:,} vectors of {job.width} numbers ({job.how}) written to {path}")
    return Embedded(path, count, job.width, len(skipped))


def _write_straight(job: Embedding, writer: FeatureWriter) -> list[Skipped]:
    """Write all pictures; returns those that could not be read."""
    pictures = job.pictures(range(len(job.source)))
    for batch in job.embed(pictures, job.counter(len(job.source))):
        writer.add(batch)
    job.reporter.finish()
    return [Skipped(error.key, error.reason) for error in pictures.skipped]
