"""Embedding a data set: one vector per picture into a file, a batch at a time."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from maskwright.data.sources.open import Source, open_source
from maskwright.data.sources.survey import nothing_readable
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.workflows.encoder import PictureEncoder, load
from maskwright.workflows.loading.pictures import reading_for
from maskwright.workflows.loading.views import PictureBatches
from maskwright.workflows.measuring.feature_files import FeatureWriter, open_writer
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.embed_settings import EmbedSettings


@dataclass(frozen=True)
class Embedded:
    """What was written: the file, how many vectors of which width, and how many pictures could not
    be read.
    """

    path: Path
    count: int
    width: int
    skipped: int


@takes(EmbedSettings, "run", "data")
def embed(settings: EmbedSettings, reporter: Reporter | None = None) -> Embedded:
    """Write keys, features (float32) and labels where the data has them of all pictures to `out`,
    .npz or .parquet.

    Pictures are decoded as they are needed, so neither memory nor the cache grows with the data.
    Unreadable ones are skipped, counted and named.
    """
    reporter = reporter or LogReporter()
    encoder = load(settings.run, device=settings.device)
    reading = reading_for(encoder.loaded.settings, settings.value_range, settings.pages)
    source = open_source(
        settings.data, split=settings.split, labels=settings.labels, reading=reading
    )
    for note in source.notes:
        reporter.say(note)
    path = Path(settings.out)
    width = encoder.width_of(settings.pooling, settings.features)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as scratch:
        writer = open_writer(path, Path(scratch), width)
        batches = PictureBatches(source, encoder.config)
        count = _write_all(
            encoder, batches, writer, (settings.pooling, settings.features), reporter
        )
        if not count:
            raise MaskwrightError(nothing_readable(source.name, len(source), batches.skipped[0]))
        writer.finish(path, source.classes)
    if batches.skipped:
        named = "; ".join(f"{item.key} ({item.reason})" for item in batches.skipped[:5])
        reporter.warn(
            f"{len(batches.skipped)} unreadable pictures skipped:"
            f" {named}{' ...' if len(batches.skipped) > 5 else ''}"
        )
    reporter.say(
        f"{count:,} vectors of {width} numbers ({settings.features}, {settings.pooling})"
        f" written to {path}"
    )
    return Embedded(path, count, width, len(batches.skipped))


def _write_all(
    encoder: PictureEncoder,
    batches: PictureBatches,
    writer: FeatureWriter,
    read: tuple[str, str],
    reporter: Reporter,
) -> int:
    """read: pooling and features of the vectors."""
    source: Source = batches.source
    count, total = 0, len(source)
    for indexes, images in batches:
        features = encoder.features_of_batch(images, *read).numpy()
        told = source.labels
        writer.add(
            [source.key(index) for index in indexes],
            None if told is None else [told[index] for index in indexes],
            features,
        )
        count += len(indexes)
        reporter.progress(
            "embed", indexes[-1] + 1, total, f"{indexes[-1] + 1:,} of {total:,} pictures"
        )
    reporter.finish()
    return count
