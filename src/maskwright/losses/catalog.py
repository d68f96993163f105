"""The loss terms by name: one line each, imported when used."""

from __future__ import annotations

from maskwright.support.catalog import Entry

TERMS: dict[str, Entry] = {
    "mse": Entry(
        "maskwright.losses.pixel:SquaredError", "mean squared error of predicted pixels (MAE)"
    ),
    "l1": Entry("maskwright.losses.pixel:AbsoluteError", "mean absolute error of predicted pixels"),
    "smooth_l1": Entry(
        "maskwright.losses.pixel:SmoothAbsoluteError", "squared below beta, absolute above it"
    ),
    "laplacian": Entry(
        "maskwright.losses.laplacian:LaplacianError",
        "edges and seams: Laplacian of the composite at hidden pixels",
    ),
    "focal_frequency": Entry(
        "maskwright.losses.frequency:FocalFrequencyError",
        "Fourier spectrum, worst frequencies first (Jiang 2021)",
    ),
    "uniformity": Entry(
        "maskwright.losses.uniformity:Uniformity",
        "embeddings of different pictures apart (Wang and Isola 2020)",
    ),
    "perceptual": Entry(
        "maskwright.losses.perceptual:PerceptualSettings",
        "feature maps of a frozen VGG or other network",
    ),
}
