"""Regression: a linear layer on frozen features predicts a number per picture or per pixel."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from maskwright.data.maps.picture_maps import CutMaps, check_place, open_map_source
from maskwright.data.maps.picture_values import StoreValues, open_values
from maskwright.data.maps.value_maps import ValueMaps
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import spread
from maskwright.evaluation.regression_scores import (
    RegressionScores,
    join_sums,
    score_regression,
    sum_errors,
)
from maskwright.evaluation.ridge import PENALTIES, RidgeModels, tune_ridge
from maskwright.support.checks import check_at_least, check_inside, check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.visual.dense import value_sheet
from maskwright.visual.png import to_png_bytes
from maskwright.workflows.measuring.dense_probe import (
    EXAMPLES,
    Examples,
    check_maps,
    no_maps,
    shown_pictures,
    tokens_for,
)
from maskwright.workflows.measuring.patch_tokens import BLOCKS
from maskwright.workflows.measuring.probe_context import ProbeContext
from maskwright.workflows.measuring.train_patches import draw_train_patches, held_pictures


@dataclass(frozen=True, kw_only=True)
class RegressionProbe:
    """Ridge regression on frozen features; its penalty is chosen on held-out train pictures.

    It predicts a number for each picture, or one for each pixel of gray maps such as depth. R2 is
    the main number: 1 is perfect, and 0 is as good as the mean.

    Formula: W = argmin |y - W z|^2 + penalty * |W|^2
    Source: Hoerl and Kennard 1970 (ridge regression).

    values: a CSV of file,value for a number per picture; FILE.csv:COLUMN for another column.
    maps: for a number per pixel, a map of a prepared store, or a folder or .zip of gray PNGs.
    missing: the value of map pixels about which nothing is known.
    blocks: for maps, `last`, or `all` side by side.
    held_out: share of the train pictures that the penalty is chosen on.
    patches: for maps, at most so many train patches are used.
    """

    values: str = ""
    maps: str = ""
    missing: float | None = None
    blocks: str = "last"
    held_out: float = 0.2
    patches: int = 50_000
    needs_encoder: ClassVar[bool] = False
    looks_at: ClassVar[str] = "frozen features"
    task: ClassVar[str] = "regression"

    def __post_init__(self) -> None:
        check_one_of("blocks", self.blocks, BLOCKS)
        # Refused here, before anything is decoded.
        check_place(self.maps)
        check_inside("held_out", self.held_out, 0.01, 0.9)
        check_at_least("patches", self.patches, 100)
        if self.values and self.maps:
            raise MaskwrightError(
                "A regression predicts values of pictures or maps of pixels; give values or maps."
            )
        if self.values:
            open_values(self.values)

    def measure(self, context: ProbeContext) -> dict[str, Any]:
        """Fit on train, tuned on a part of it, and predict the test once."""
        return self._of_pictures(context) if self.values else self._of_pixels(context)

    def check_truth(self, store: PackedStore, size: tuple[int, int]) -> None:
        """Refuse values or maps that cannot be found or used."""
        if self.values:
            _known(open_values(self.values).of(store), store)
        else:
            check_maps(self.maps, store, size)

    def _of_pictures(self, context: ProbeContext) -> dict[str, Any]:
        """A number for each picture, from the features that the readout says."""
        table = open_values(self.values)
        train, test = table.of(context.train), table.of(context.test)
        seed, features = context.subject.seed, context.features
        rows = _known(train, context.train)
        held = held_pictures(context.train, self.held_out, seed)[rows]
        targets = train.values[rows].float()
        tuned = tune_ridge(features.train.mean[rows], targets, held)

        tested = _known(test, context.test)
        given = tuned.models.predict(features.test.mean[tested])[0]
        real = test.values[tested]
        sums = sum_errors(list(real.numpy()[:, None]), list(given.numpy()[:, None]))
        constant = float((real - tuned.models.center).abs().mean())
        return {
            "probe": "regression",
            **score_regression(sums, constant, seed).to_dict(),
            "truth": [float(f"{value:.6g}") for value in real.tolist()],
            "predicted": [float(f"{value:.6g}") for value in given.tolist()],
            "num_train": len(rows),
            "penalty": tuned.penalty,
            "attempts": tuned.tried,
            "protocol": self._protocol("a number per picture", context.readout),
            "notes": [*train.notes("train"), *test.notes("test")],
        }

    def _of_pixels(self, context: ProbeContext) -> dict[str, Any]:
        """A number for each pixel, from the patch that it lies in."""
        subject = context.subject
        train, test = (self._maps(context, store) for store in (context.train, context.test))
        grid = (subject.grid.rows, subject.grid.cols)
        context.reporter.progress("regression", 0, 2, f"{subject.name}, train patches")
        sample = draw_train_patches(
            tokens_for(context, context.train, "train", self.blocks),
            lambda index: train.means(index, grid),
            self.patches,
            subject.seed,
        )
        held = sample.is_held(context.train, self.held_out, subject.seed)
        tuned = tune_ridge(sample.tokens, sample.truth[:, 0], held)
        context.reporter.progress("regression", 1, 2, f"{subject.name}, test pictures")
        scores = self._test(context, tuned.models, test)
        context.reporter.finish()
        return {
            "probe": "regression",
            **scores.to_dict(),
            "num_train": len(sample.pictures.unique()),
            "num_patches": len(sample.tokens),
            "penalty": tuned.penalty,
            "attempts": tuned.tried,
            "protocol": self._protocol("a number per pixel, enlarged bilinearly", self.blocks),
            "notes": [
                *(f"train: {note}" for note in train.maps.notes()),
                *(f"test: {note}" for note in test.maps.notes()),
            ],
        }

    def _maps(self, context: ProbeContext, store: PackedStore) -> ValueMaps:
        source = open_map_source(self.maps, store)
        return ValueMaps(CutMaps(store, source, context.subject.image_size), self.missing)

    def _test(
        self, context: ProbeContext, models: RidgeModels, test: ValueMaps
    ) -> RegressionScores:
        """Predict every pixel of the test maps, and draw some of them."""
        grid = context.subject.grid
        shown = set(spread(len(context.test), EXAMPLES))
        examples: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        # Sums alone are kept: whole maps are dropped picture by picture.
        sums, constants = [], []
        for ids, tokens in tokens_for(context, context.test, "test", self.blocks):
            flat = models.predict(tokens.flatten(0, 1))[0]
            maps = flat.view(len(ids), 1, grid.rows, grid.cols)
            for index, coarse in zip(ids.tolist(), maps, strict=True):
                truth = test.read(index)
                if truth is None or np.isnan(truth).all():
                    continue
                given = _enlarge(coarse, truth.shape)
                sums.append(sum_errors([truth], [given]))
                constants.append(np.nanmean(np.abs(truth - models.center)))
                if index in shown:
                    examples[index] = (truth, given)
        if not sums:
            raise no_maps()
        constant = float(np.mean(constants))
        scores = score_regression(join_sums(sums), constant, context.subject.seed)
        context.files["regression.png"] = _draw(context, examples, scores)
        return scores

    def _protocol(self, what: str, read: str) -> dict[str, Any]:
        return asdict(self) | {
            "predicts": what,
            "reads": read,
            "standardize": "train statistics",
            "penalties": list(PENALTIES),
            "chosen_on": "held-out train pictures",
            "refit_on": "all of train",
        }


def _known(values: StoreValues, store: PackedStore) -> Tensor:
    """The pictures (m,) that have a number; raises MaskwrightError where none has."""
    rows = (~values.values.isnan()).nonzero()[:, 0]
    if not len(rows):
        raise MaskwrightError(
            f"'{values.table}' has no number for any of {len(store):,} pictures such as"
            f" '{store.keys[0]}'; its column of files must name them."
        )
    return rows


def _enlarge(coarse: Tensor, size: tuple[int, ...]) -> np.ndarray:
    """(1, rows, cols) numbers enlarged bilinearly to (h, w)."""
    large = F.interpolate(coarse[None], size=tuple(size), mode="bilinear", align_corners=False)
    return large[0, 0].numpy()


def _draw(
    context: ProbeContext,
    examples: Examples,
    scores: RegressionScores,
) -> bytes:
    """The figure: pictures, truth and prediction."""
    shown = shown_pictures(context, examples)
    r2 = "undefined" if scores.r2 is None else f"{scores.r2.value:.3f}"
    title = f"regression, {context.subject.name}: R2 {r2}"
    return to_png_bytes(value_sheet(shown, title))
