"""The whole job on real pictures of an installed package: solar cells, some of them defective."""

from __future__ import annotations

import csv
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from maskwright.data.store.splits import TEST_SHARE
from maskwright.support.count_progress import format_time
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_text
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.workflows.evaluate import evaluate
from maskwright.workflows.pretrain import pretrain
from maskwright.workflows.reconstruct import reconstruct
from maskwright.workflows.run import Run
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.demo_settings import DemoSettings

# Probabilities are 0, 1/3, 2/3 and 1 there; a cell that is doubtful (1/3) counts as sound.
DEFECTIVE_FROM = 0.4
# Every cell is tested once, because a quarter of them is too small a test set to see what three
# minutes teach.
PROBES = "knn,cross_validated"


@takes(DemoSettings)
def demo(settings: DemoSettings, reporter: Reporter | None = None) -> Run:
    """Pretrain on solar cells, show reconstructions, and measure how defects are found.

    Needs the package elpv-dataset (extra `demo`); its 2,624 gray pictures carry a probability of
    being defective, used as a label here from 0.4 on and only to measure (Deitsch et al. 2019).
    An earlier demo in `out` is replaced.
    """
    reporter = reporter or usual_reporter()
    started = time.monotonic()
    # Nothing is downloaded: the pictures are in the package.
    folder = _pictures()
    reporter.say(
        "Solar cells (elpv-dataset, Deitsch et al. 2019, CC BY-NC-SA): learn without labels, then"
        " find the defective ones."
    )
    length: dict[str, Any] = {} if settings.minutes is None else {"minutes": settings.minutes}
    run = pretrain(
        folder / "images",
        recipe="demo",
        test_size=TEST_SHARE,  # what defects are looked for in later is not trained on
        out=settings.out,
        overwrite=True,
        reporter=reporter,
        **length,
    )

    # Labels come into play only now: they are for measuring.
    labels = run.path / "labels.csv"
    write_text(labels, _labels(folder))
    # Six pictures spread over the set.
    examples = sorted((folder / "images").glob("*.png"))[::437][:6]
    sheet = reconstruct(run.path, examples, reporter=reporter)
    # Beside random weights and raw pixels, which show what learning added.
    evaluate(run.path, str(folder / "images"), labels=str(labels), probe=PROBES, reporter=reporter)
    reporter.say(
        f"All done in {format_time(time.monotonic() - started)}. Look at {sheet.path} and"
        f" {run.path / 'samples'}."
    )
    return run


def _pictures() -> Path:
    """The folder of the installed package that holds the pictures."""
    spec = find_spec("elpv_dataset")
    if spec is None or spec.origin is None:
        raise MaskwrightError("The demo needs its pictures: pip install 'maskwright[demo]'.")
    return Path(spec.origin).parent / "data"


def _labels(folder: Path) -> str:
    """CSV of file,label from the data set's own list of file, probability, type."""
    lines = ["file,label"]
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        # Columns are separated by varying runs of spaces.
        rows = (" ".join(line.split()) for line in file)
        for name, probability, *_ in csv.reader(rows, delimiter=" "):
            label = "defective" if float(probability) > DEFECTIVE_FROM else "sound"
            lines.append(f"{Path(name).name},{label}")
    return "\n".join(lines) + "\n"
