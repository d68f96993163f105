"""Parts of a file of features: Parquet files that several processes write and one of them joins."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from maskwright.data.pixels.decode import UnreadableImage
from maskwright.data.store.packed import Skipped
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json
from maskwright.support.reporting import Reporter
from maskwright.workflows.measuring.feature_files import (
    FeatureBatch,
    FeatureWriter,
    import_parquet,
)

_SKIPPED = b"skipped"
_ABOUT = "about.json"


# What one process can do without the package.
_OTHERWISE = "one process writes .npz without it"


def check_parts() -> None:
    """Raise MaskwrightError where parts cannot be written on this machine."""
    import_parquet(_OTHERWISE)


def begin_parts(folder: Path, identity: str, reporter: Reporter) -> None:
    """Make the folder of parts, or go on with one that an interrupted job has left.

    identity: of weights, pictures and options; parts of others are taken away.
    """
    about = folder / _ABOUT
    if about.exists() and read_json(about) == {"identity": identity}:
        reporter.say(f"Going on with the parts in {folder}")
        return
    if about.exists():
        reporter.warn(
            f"The parts in {folder} are of other pictures, weights or options: they are made anew."
        )
        shutil.rmtree(folder)
    elif folder.exists() and any(folder.glob("[!.]*")):
        raise MaskwrightError(
            f"Parts of the features are kept in '{folder}', and what is there now is something"
            " else. Move it away or choose another --out."
        )
    write_json(about, {"identity": identity})


def write_part(
    path: Path, batches: Iterable[FeatureBatch], skipped: Sequence[UnreadableImage]
) -> None:
    """Write one part: a row group for each batch, and beside them what could not be read.

    skipped: read when the batches are used up.
    """
    arrow = import_parquet(_OTHERWISE)
    tables = [batch.to_table(arrow) for batch in batches]
    notes = json.dumps([{"key": item.key, "reason": item.reason} for item in skipped])
    # A part may have no picture that can be read, and then has notes alone.
    schema = tables[0].schema if tables else arrow.schema([])
    with arrow.parquet.ParquetWriter(path, schema.with_metadata({_SKIPPED: notes})) as writer:
        for table in tables:
            writer.write_table(table)


def join_parts(writer: FeatureWriter, paths: Iterable[Path]) -> list[Skipped]:
    """Hand the batches of all parts to a writer, in their order; returns what was skipped.

    A batch is in memory at a time.
    """
    skipped: list[Skipped] = []
    for path in paths:
        with import_parquet(_OTHERWISE).parquet.ParquetFile(path) as part:
            for batch in _read_batches(part):
                writer.add(batch)
            notes = json.loads(part.schema_arrow.metadata[_SKIPPED])
        skipped += [Skipped(**item) for item in notes]
    return skipped


def _read_batches(part: Any) -> Iterator[FeatureBatch]:
    for number in range(part.num_row_groups):
        table = part.read_row_group(number)
        # (n,) lists of one length -> (n, D)
        features = table["features"].combine_chunks().flatten().to_numpy()
        yield FeatureBatch(
            keys=table["key"].to_pylist(),
            labels=table["label"].to_pylist() if "label" in table.column_names else None,
            features=features.reshape(table.num_rows, -1),
        )
