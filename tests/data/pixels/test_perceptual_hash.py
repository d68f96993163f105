"""Pictures of the same look have near hashes; others do not."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.fft import dctn
from tests.conftest import draw_pictures

from maskwright.data.pixels.perceptual_hash import find_similar, hash_thumbnails, to_thumbnail


def thumbnails(pictures: list[np.ndarray]) -> np.ndarray:
    return np.stack([to_thumbnail(picture) for picture in pictures])


def test_a_hash_says_which_low_frequencies_lie_above_their_median() -> None:
    small = thumbnails(list(draw_pictures(3, side=48)))
    low = dctn(small[1].astype(float))[:8, :8].ravel()
    bits = np.unpackbits(hash_thumbnails(small).view(np.uint8).reshape(3, 8), axis=1)
    assert (bits[1].astype(bool) == (low > np.median(low))).all()
    assert bits[1].sum() == 32


def test_another_size_brightness_and_noise_leave_a_picture_alike() -> None:
    pictures = list(draw_pictures(12, side=64, seed=3))
    first = Image.fromarray(pictures[0])
    noise = np.random.default_rng(0).integers(-6, 7, pictures[5].shape)
    changed = [
        np.asarray(first.resize((40, 40))),
        np.clip(pictures[5] * 0.9 + 12 + noise, 0, 255).astype(np.uint8),
    ]
    pairs = find_similar(thumbnails(pictures + changed))
    assert {(pair.first, pair.second) for pair in pairs} == {(0, 12), (5, 13)}
    assert all(pair.correlation > 0.95 for pair in pairs)


def test_flat_pictures_have_no_look_and_shape_does_not_matter() -> None:
    flat = np.full((20, 30, 3), 90, np.uint8)
    assert find_similar(thumbnails([flat, flat, flat + 3])) == []
    gray = draw_pictures(1, side=40)[0][:, :, :1]
    assert len(find_similar(thumbnails([gray, np.repeat(gray, 3, axis=2)]))) == 1


def test_pairs_across_blocks_are_found_once(monkeypatch) -> None:
    from maskwright.data.pixels import perceptual_hash

    small = thumbnails(list(draw_pictures(5, side=48)) * 2)
    whole = find_similar(small, most_bits=0)
    monkeypatch.setattr(perceptual_hash, "_BLOCK", 3)
    assert find_similar(small, most_bits=0) == whole
    assert {(pair.first, pair.second) for pair in whole} == {(at, at + 5) for at in range(5)}
