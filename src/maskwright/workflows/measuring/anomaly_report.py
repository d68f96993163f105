"""What `maskwright anomalies` leaves: a ranked table, numbers, heat maps and a sheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from maskwright.evaluation.anomaly_maps import TOP_SHARE
from maskwright.evaluation.ranking_scores import auroc_difference, score_ranking
from maskwright.support.array_file import write_npz
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json, write_text
from maskwright.visual.anomalies import AnomalyExample, anomaly_sheet
from maskwright.workflows.loading.pictures import eval_batches
from maskwright.workflows.measuring.anomaly_scores import MEAN_PICTURE, ScoredPictures
from maskwright.workflows.measuring.normal_pictures import QueryPictures
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.settings.anomalies_settings import AnomaliesSettings

# Larger heat maps than this are not written.
MOST_MAP_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class AnomalyReport:
    """Scores of pictures, the most anomalous first.

    settings: how they were made.
    queries: the pictures, with what is known of them.
    num_normal: how many normal pictures they stand beside.
    scored: scores and heat maps.
    measured: AUROC and average precision, by encoder and score; empty without labels.
    """

    settings: AnomaliesSettings
    queries: QueryPictures
    num_normal: int
    scored: ScoredPictures
    measured: Mapping[str, Mapping[str, Any]]

    @property
    def ranked_by(self) -> str:
        """The first score there is: reconstruction where there is a decoder."""
        return next(iter(self.scored.scores))

    @cached_property
    def order(self) -> Tensor:
        """(n,) the pictures, the most anomalous first."""
        return self.scored.scores[self.ranked_by].argsort(descending=True, stable=True)

    def names(self) -> list[str]:
        """Of the pictures, the most anomalous first."""
        return [self.queries.store.keys[at] for at in self.order.tolist()]

    def lines(self) -> list[str]:
        """What was measured, one line for each score of each encoder."""
        lines = []
        for encoder, by_score in self.measured.items():
            for name, numbers in by_score.items():
                # The trivial score reads no weights, so it is the same for every encoder.
                if name != MEAN_PICTURE:
                    lines.append(_format(f"{encoder}, {name}", numbers))
        plain = self.measured["run"].get(MEAN_PICTURE)
        if plain is not None:
            share = plain["share_of_positives"]
            lines.append(_format("distance to the mean picture", plain))
            lines.append(f"  {'by chance':<30} AUROC 0.500   average precision {share:.3f}")
        return lines

    def write(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Leave the table, the numbers and the sheet; numbers first.

        about: where and when they were made.
        """
        rows = self._rows()
        if self.settings.maps:
            self._write_maps(folder / "maps.npz")
        write_text(folder / "scores.csv", _table(rows))
        write_json(folder / "anomalies.json", self._to_dict(rows) | dict(about))
        save_picture(folder / "sheet.png", self._sheet())

    def _to_dict(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        options = asdict(self.settings)
        plain = (int, float, str, type(None))
        return {
            "run": str(self.settings.run),
            "photos": str(self.settings.photos),
            "ranked_by": self.ranked_by,
            "score_of_a_picture": f"mean of the largest {TOP_SHARE:.1%} of its map",
            "known": self.queries.words,
            "normal_pictures": self.num_normal,
            "settings": {key: value for key, value in options.items() if isinstance(value, plain)},
            "measured": self.measured,
            "pictures": rows,
        }

    def _rows(self) -> list[dict[str, Any]]:
        """What is known of each picture, the most anomalous first."""
        store, rows = self.queries.store, []
        for rank, at in enumerate(self.order.tolist(), 1):
            row: dict[str, Any] = {"rank": rank, "file": store.keys[at]}
            if store.classes:
                row["label"] = self._label(at)
            for name, scores in self.scored.scores.items():
                row[name.replace(" ", "_")] = float(f"{float(scores[at]):.6g}")
            rows.append(row)
        return rows

    def _label(self, at: int) -> str:
        """The class of a picture; nothing where it has none."""
        store = self.queries.store
        if store.labels is None or store.classes is None or int(store.labels[at]) < 0:
            return ""
        return store.classes[int(store.labels[at])]

    def _write_maps(self, path: Path) -> None:
        maps = self.scored.maps
        size = sum(values.nbytes for values in maps.values())
        if size > MOST_MAP_BYTES:
            raise MaskwrightError(
                f"The heat maps of {len(self.order):,} pictures take {size / 2**30:.1f} GiB; look"
                " at fewer with --limit, or leave --maps out."
            )
        columns: dict[str, Any] = {name: values.numpy() for name, values in maps.items()}
        columns["keys"] = np.array(self.queries.store.keys)
        write_npz(path, columns)

    def _sheet(self) -> np.ndarray:
        """The most anomalous pictures with their heat maps."""
        top = self.order[: self.settings.show]
        maps = self.scored.maps
        height, width = next(iter(maps.values())).shape[1:]
        some = self.queries.store.subset(top)
        images = next(eval_batches(some, (height, width), len(top))).images
        # Light yellow is what one pixel in a thousand of all pictures reaches.
        tops = {name: _high(values) for name, values in maps.items()}
        examples = []
        for row, at in enumerate(top.tolist()):
            label = f" ({self._label(at)})" if self._label(at) else ""
            words = [f"{row + 1}. {Path(some.keys[row]).name}{label}"]
            words += [f"{float(self.scored.scores[name][at]):.3g}" for name in tops]
            heat = {name: values[at].float() for name, values in maps.items()}
            examples.append(AnomalyExample(images[row].float() / 255, heat, words))
        title = f"The {len(top)} most anomalous of {len(self.order):,} pictures"
        return anomaly_sheet(examples, tops, self._notes(tops), title)

    def _notes(self, tops: Mapping[str, float]) -> list[str]:
        scales = ", ".join(f"{name} 0 to {top:.3g}" for name, top in tops.items())
        return [
            f"Ranked by {self.ranked_by}. Black to light yellow: {scales}.",
            "Reconstruction: deviations above the mean error of normal pictures at that place."
            " Neighbors: distance to the nearest patch of normal pictures.",
            *self.lines(),
        ]


def measure_scores(scored: ScoredPictures, queries: QueryPictures, seed: int) -> dict[str, Any]:
    """AUROC and average precision of each score, and what it gains over the trivial score."""
    if queries.is_anomalous is None:
        return {}
    truth = queries.is_anomalous.numpy()
    plain = scored.scores[MEAN_PICTURE].double().numpy()
    measured: dict[str, Any] = {}
    for name, scores in scored.scores.items():
        values = scores.double().numpy()
        measured[name] = score_ranking(values, truth, seed).to_dict()
        if name != MEAN_PICTURE:
            gain = auroc_difference(values, plain, truth, seed)
            measured[name]["auroc_minus_trivial"] = gain.to_dict()
    return measured


def _format(title: str, numbers: Mapping[str, Any]) -> str:
    """A score with its intervals on a line."""
    auroc, precision = (
        "{value:.3f} [{low:.3f}, {high:.3f}]".format(**numbers[key])
        for key in ("auroc", "average_precision")
    )
    return f"  {title:<30} AUROC {auroc}   average precision {precision}"


def _table(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _high(maps: Tensor) -> float:
    """A value that one pixel in a thousand exceeds."""
    flat = maps.flatten()
    # Every picture gives some pixels: the quantile of all would take long.
    step = max(1, flat.numel() // 2**20)
    return max(1e-6, float(flat[::step].float().quantile(0.999)))
