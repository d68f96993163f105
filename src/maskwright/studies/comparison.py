"""What `maskwright compare` measures by default.

Probes need labels, and pictures that are filled in must not have been trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskwright.data.sources.open import Source, open_source
from maskwright.studies.measures import MeasureSettings
from maskwright.support.reporting import Reporter
from maskwright.workflows.evaluate import TEST_NAMES

HELD_OUT = 5
"""One picture in so many is held out to be filled in, where the data has no test split."""


def label_free_settings(data: str, given: Mapping[str, Any], reporter: Reporter) -> dict[str, Any]:
    """The settings to add to a comparison of pictures without labels.

    They are no probes, and enough pictures held out; nothing for other comparisons.

    given: settings of the comparison, which win: explicit probes or labeled pictures are kept.
    """
    measuring = dict(given.get("evaluate") or {})
    names_probes = {"probes", "data", "labels", "main"} & measuring.keys() or given.get("labels")
    # Without masks too there would be nothing left to measure.
    if names_probes or not measuring.get("masks", True):
        return {}
    # Opened once here to look for labels; the plan opens it again with its own settings.
    source = open_source(data, split=given.get("split"))
    if _has_labels(source, data):
        return {}
    reporter.warn(
        f"'{data}' has no labels, so no probes are measured: arms are compared by how well they"
        " fill in hidden pixels. For probes give labels (--labels FILE.csv) or other pictures that"
        " have them (--eval-data LABELED)."
    )
    added: dict[str, Any] = {"evaluate": {**measuring, "probes": []}}
    if given.get("val") is None and not set(source.splits) & set(TEST_NAMES):
        # No more than will be measured, and never most of a small collection.
        most = int(measuring.get("pictures") or MeasureSettings().pictures)
        count = max(1, min(len(source) // HELD_OUT, most))
        reporter.say(f"{count} pictures are held out to be filled in (--val for another number)")
        added["val"] = str(count)
    return added


def _has_labels(source: Source, data: str) -> bool:
    """Whether the pictures, or those of one of their splits, have labels."""
    if source.labels is not None:
        return True
    return any(open_source(data, split=name).labels is not None for name in source.splits)
