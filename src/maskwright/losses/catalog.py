"""The loss terms by name: one line each, imported when used."""

from __future__ import annotations

from maskwright.support.catalog import Entry

TERMS: dict[str, Entry] = {
    "mse": Entry("maskwright.losses.pixel:SquaredError", "mean squared error of predicted pixels (MAE)"),
    "l1": Entry("maskwright.losses.pixel:AbsoluteError", "mean absolute error of predicted pixels"),
    "smooth_l1": Entry("maskwright.losses.pixel:SmoothAbsoluteError", "squared below beta, absolute above it"),
}
