"""Patterns mean what they mean in a shell, wherever they are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.data.sources.globs import format_braces, matcher, matching_files
from maskwright.data.sources.open import open_source

KEYS = ["a.png", "b.png", "b.jpg", "c.gif", "d/a.png", "d/e/b.png", "d/x1/y.png", "d[1]/a.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[!a]*.png", ["b.png"]),
        ("[a-b].png", ["a.png", "b.png"]),
        ("*.{png,jpg}", ["a.png", "b.png", "b.jpg"]),
        ("{a,b}.*", ["a.png", "b.png", "b.jpg"]),
        ("*", ["a.png", "b.png", "b.jpg", "c.gif"]),
        ("?.gif", ["c.gif"]),
        ("**/a.png", ["a.png", "d/a.png", "d[1]/a.png"]),
        ("d/**", ["d/a.png", "d/e/b.png", "d/x1/y.png"]),
        ("d/**/*.png", ["d/a.png", "d/e/b.png", "d/x1/y.png"]),
        ("**.jpg", ["b.jpg"]),
        ("d**y.png", ["d/x1/y.png"]),
        ("*/x{0..2}/*", ["d/x1/y.png"]),
        ("d", ["d/a.png", "d/e/b.png", "d/x1/y.png"]),
        ("d/", ["d/a.png", "d/e/b.png", "d/x1/y.png"]),
        ("d/a.png", ["d/a.png"]),
    ],
)
def test_a_pattern_matches_as_in_a_shell(pattern: str, expected: list[str]) -> None:
    assert list(filter(matcher(pattern), KEYS)) == expected


def test_braces_keep_leading_zeros_beyond_a_thousand_shards() -> None:
    spelled = format_braces("s-{0000..1279}.tar")
    assert (spelled[0], spelled[-1], len(spelled)) == ("s-0000.tar", "s-1279.tar", 1280)


def test_files_match_several_patterns_once(tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar", "c.tar"):
        (tmp_path / name).touch()
    found = matching_files([f"{tmp_path}/[!a].tar", f"{tmp_path}/{{b,c}}.tar"])
    assert [path.name for path in found] == ["b.tar", "c.tar"]


def test_a_folder_takes_patterns_with_braces_and_classes(tmp_path: Path) -> None:
    for name in ("a1.png", "b1.png", "d1.jpg"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name)
    assert len(open_source(f"{tmp_path}/*.{{png,jpg}}")) == 3
    assert open_source(f"{tmp_path}/[!a]*.png").key(0) == "b1.png"
