"""Pictures in data URIs: small ones come back exactly, large ones shrink."""

import base64
import io

import numpy as np
from PIL import Image

from maskwright.visual.data_uri import MOST_SIDE, to_data_uri


def decoded(uri):
    kind, _, data = uri.partition(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def test_small_pictures_come_back_exactly():
    picture = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    assert (decoded(to_data_uri(picture)) == picture).all()


def test_large_pictures_shrink_and_keep_their_shape():
    assert decoded(to_data_uri(np.full((320, 160, 3), 200, dtype=np.uint8))).shape == (
        MOST_SIDE,
        MOST_SIDE // 2,
        3,
    )
