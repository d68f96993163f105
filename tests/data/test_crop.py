"""Smart crop keeps heads, else what stands out, else the center, and can be killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.data import cropped_source
from maskwright.data.crop import SmartCrop, keep_heads
from maskwright.data.cropped_source import crop_source
from maskwright.data.maps.originals import Part, Window
from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source


class RedFinder:
    """Finds the red rectangle of a picture."""

    def __init__(self) -> None:
        self.calls = 0

    def find(self, pixels: np.ndarray) -> list[Part]:
        self.calls += 1
        rows, cols = np.nonzero((pixels[:, :, 0] > 200) & (pixels[:, :, 1] < 50))
        if not len(rows):
            return []
        return [
            Part(
                "face",
                cols.min(),
                rows.min(),
                cols.max() - cols.min() + 1,
                rows.max() - rows.min() + 1,
            )
        ]


def _wide(left: int, height: int = 60, width: int = 160) -> np.ndarray:
    pixels = np.full((height, width, 3), 90, dtype=np.uint8)
    pixels[20:40, left : left + 20] = (255, 0, 0)
    return pixels


@pytest.mark.parametrize(("left", "wanted"), [(0, 0), (70, 50), (140, 100), (30, 10)])
def test_a_head_lies_in_the_middle_of_the_window_or_as_near_as_the_border_lets_it(
    left: int, wanted: int
) -> None:
    (choice,) = SmartCrop(finders=(RedFinder(),)).choose(_wide(left))
    assert choice.window == Window(0, wanted, 60, 60)
    assert (choice.kept, choice.share) == ("heads", 1.0)


def test_tall_pictures_are_cut_along_their_height() -> None:
    (choice,) = SmartCrop(finders=(RedFinder(),)).choose(
        np.ascontiguousarray(_wide(140).transpose(1, 0, 2))
    )
    assert choice.window == Window(100, 0, 60, 60)


def test_large_pictures_are_looked_at_small_and_cut_at_their_own_size() -> None:
    pixels = np.full((960, 2560, 3), 90, dtype=np.uint8)
    pixels[320:640, 2000:2320] = (255, 0, 0)
    (choice,) = SmartCrop(finders=(RedFinder(),)).choose(pixels)
    assert choice.window.width == 960
    assert abs(choice.window.left - 1600) <= 80
    assert choice.share == 1.0


def test_heads_that_fit_one_window_share_it_and_far_ones_get_more_windows_when_allowed() -> None:
    near = [Part("head", 20, 5, 10, 10), Part("head", 60, 5, 10, 10)]
    assert [choice.share for choice in keep_heads((60, 160), near)] == [1.0]
    far = [Part("head", 0, 5, 20, 20), Part("head", 140, 5, 10, 10)]
    assert [choice.window.left for choice in keep_heads((60, 160), far)] == [0]
    two = keep_heads((60, 160), far, most=3)
    assert [choice.window.left for choice in two] == [0, 100]
    assert two[0].share == pytest.approx(0.8)


def test_without_heads_what_stands_out_decides_and_a_flat_picture_is_cut_in_the_center() -> None:
    pixels = np.full((60, 160, 3), 90, dtype=np.uint8)
    (flat,) = SmartCrop().choose(pixels)
    assert (flat.kept, flat.window.left) == ("center", 50)
    pixels[20:40, 135:155] = (0, 255, 0)
    (moved,) = SmartCrop().choose(pixels)
    assert moved.kept == "saliency"
    assert moved.window.left > 90


def test_square_pictures_stay_whole() -> None:
    (choice,) = SmartCrop(finders=(RedFinder(),)).choose(_wide(0, 160, 160))
    assert (choice.kept, choice.window) == ("whole", Window(0, 0, 160, 160))


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Six wide pictures with a red head, one square and one broken."""
    root = tmp_path / "wide"
    root.mkdir()
    for at in range(6):
        Image.fromarray(_wide(20 * at)).save(root / f"{at}.png")
    Image.fromarray(_wide(0, 70, 70)).save(root / "6.png")
    (root / "7.png").write_bytes(b"broken")
    return root


def test_a_cropped_source_is_packed_like_any_other(wide: Path, tmp_path: Path) -> None:
    source = crop_source(
        open_source(wide), SmartCrop(finders=(RedFinder(),), made="red"), tmp_path / "work"
    )
    store = pack(source, short_side=30, folder=tmp_path / "store")
    assert store.uniform_size == (30, 30)
    assert [item.key for item in store.skipped] == ["7.png"]
    for at in range(6):
        red = (store.image(at)[0].long() - store.image(at)[1]) > 100
        assert red.sum() == pytest.approx(100, abs=25)


def test_further_windows_get_a_number(tmp_path: Path) -> None:
    class Two:
        def find(self, pixels: np.ndarray) -> list[Part]:
            return [Part("face", 0, 0, 20, 20), Part("face", 140, 0, 10, 10)]

    (tmp_path / "p").mkdir()
    Image.fromarray(_wide(0)).save(tmp_path / "p/a.png")
    source = crop_source(
        open_source(tmp_path / "p"),
        SmartCrop(finders=(Two(),), windows=2, made="two"),
        tmp_path / "work",
    )
    assert [source.key(at) for at in range(len(source))] == ["a.png", "a.png#2"]


def test_a_killed_choice_of_windows_goes_on(
    wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cropped_source, "CHUNK", 2)
    source, finder = open_source(wide), RedFinder()

    def kill(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    rule = SmartCrop(finders=(finder,), made="red")
    with pytest.raises(KeyboardInterrupt):
        crop_source(source, rule, tmp_path / "work", kill)
    assert finder.calls == 4
    again = crop_source(source, rule, tmp_path / "work")
    assert finder.calls == 6
    assert again.fingerprint == crop_source(source, rule, tmp_path / "other").fingerprint
