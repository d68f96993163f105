"""Embedding a data set: one vector per picture into a file, a batch at a time."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwright.data.sources.open import Source, open_source
from maskwright.data.sources.survey import nothing_readable
from maskwright.support.count_progress import CountProgress
from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.workflows.encoder import load
from maskwright.workflows.loading.pictures import format_skipped, reading_for
from maskwright.workflows.loading.views import PictureBatches
from maskwright.workflows.measuring.feature_files import FeatureWriter, open_writer
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
    Unreadable ones are skipped, counted and named.
    """
    reporter = reporter or usual_reporter()
    encoder = load(settings.run, device=settings.device)
    # As the encoder's pictures were read, unless stated.
    reading = reading_for(encoder.loaded.settings, settings.value_range, settings.pages)
    source = open_source(
        settings.data, split=settings.split, labels=settings.labels, reading=reading
    )
    for note in source.notes:
        reporter.say(note)
    path = Path(settings.out)
    # Also refuses unknown names, before anything is read.
    width = encoder.width_of(settings.pooling, settings.features)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the file, so that nothing large goes through /tmp and the last step is a rename.
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as scratch:
        writer = open_writer(path, Path(scratch), width)
        batches = PictureBatches(source, encoder.config)
        progress = CountProgress(reporter, "embed")
        total = len(source)
        for indexes, images in batches:
            # (n, width)
            vectors = encoder.features_of_batch(images, settings.pooling, settings.features).numpy()
            _write_batch(writer, source, indexes, vectors)
            progress.show(indexes[-1] + 1, total)
        reporter.finish()
        count = total - len(batches.skipped)
        if not count:
            raise MaskwrightError(nothing_readable(source.name, len(source), batches.skipped[0]))
        writer.finish(path, source.classes, _place(settings))
    if batches.skipped:
        reporter.warn(format_skipped(batches.skipped))
    how = f"{settings.features}, {settings.pooling}"
    reporter.say(f"{count:,} vectors of {width} numbers ({how}) written to {path}")
    return Embedded(path, count, width, len(batches.skipped))


def _place(settings: EmbedSettings) -> str:
    """Where the pictures came from; arrays and datasets have no name to be opened by again."""
    return str(settings.data) if isinstance(settings.data, (str, Path)) else ""


def _write_batch(
    writer: FeatureWriter, source: Source, indexes: list[int], vectors: np.ndarray
) -> None:
    """Write the vectors of some pictures with their names, and labels where the data has them."""
    keys = [source.key(index) for index in indexes]
    labels = None
    if source.labels is not None:
        labels = [source.labels[index] for index in indexes]
    writer.add(keys, labels, vectors)
