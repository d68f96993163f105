"""The loss terms by name: one line each, imported when used.

The gradient tests run every term here: its examples, or its bare name where it gives none.
"""

from __future__ import annotations

from maskwright.support.catalog import Entry

TERMS: dict[str, Entry] = {
    "mse": Entry(
        "maskwright.losses.pixel:SquaredError",
        "mean squared error of predicted pixels (MAE)",
        examples=(
            "mse",
            "mse(visible=0.5)",
            "mse(visible=0.5, weight='foreground', floor=0.3)",
        ),
    ),
    "l1": Entry(
        "maskwright.losses.pixel:AbsoluteError",
        "mean absolute error of predicted pixels",
        examples=("l1", "l1(weight='foreground')"),
    ),
    "smooth_l1": Entry(
        "maskwright.losses.pixel:SmoothAbsoluteError",
        "squared below beta, absolute above it",
        examples=("smooth_l1(beta=0.3)",),
    ),
    "laplacian": Entry(
        "maskwright.losses.laplacian:LaplacianError",
        "edges and seams: Laplacian of the composite at hidden pixels",
        examples=("laplacian", "laplacian(compare='mse', neighbors=8)"),
    ),
    "focal_frequency": Entry(
        "maskwright.losses.frequency:FocalFrequencyError",
        "Fourier spectrum, worst frequencies first (Jiang 2021)",
        # At alpha 0: larger ones weight by errors that no gradient flows through.
        examples=("focal_frequency(alpha=0)", "focal_frequency(over='composite', alpha=0)"),
    ),
    "uniformity": Entry(
        "maskwright.losses.uniformity:Uniformity",
        "embeddings of different pictures apart (Wang and Isola 2020)",
    ),
    "perceptual": Entry(
        "maskwright.losses.perceptual:PerceptualSettings",
        "feature maps of a frozen VGG or other network",
        examples=("perceptual(weights='random', layers=['relu1_1', 'relu2_1'])",),
    ),
}


def term_examples(name: str) -> tuple[str, ...]:
    """Lines that show a term of the catalog, each of them complete."""
    return TERMS[name].examples or (name,)
