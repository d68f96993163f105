"""PNG bytes of figures and arrays."""

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from maskwright.visual.png import to_png_bytes


def test_an_array_comes_back_exactly():
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(to_png_bytes(pixels)))), pixels)


def test_a_figure_keeps_its_size_and_resolution():
    image = Image.open(io.BytesIO(to_png_bytes(Figure(figsize=(2, 1), dpi=100))))
    assert (image.format, image.size) == ("PNG", (200, 100))
