"""Values of flags, recipes and Python become the declared types, or a sentence says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings.conversion import convert
from maskwright.workflows.settings.fields import Leaf


def leaf(kind: Any) -> Leaf:
    return Leaf("size", "", kind, None, "how large", ())


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (float, "3e-4", 3e-4),
        (float, 1, 1.0),
        (float | None, "null", None),
        (int, "5", 5),
        (int, np.int64(5), 5),
        (float, np.float32(0.5), 0.5),
        (int | str | None, "96", 96),
        (int | str | None, "96x64", "96x64"),
        (float | str, "0.75", 0.75),
        (float | str, "0.5->0.75", "0.5->0.75"),
        (str | None, Path("a/b"), "a/b"),
        (str | None, "null", None),
        (list[int] | None, "null", None),
        (list[int] | None, "20,50", [20, 50]),
        (list[int] | None, "[20, 50]", [20, 50]),
        (list[int] | None, (20, 50), [20, 50]),
        (list[str], iter(["a", "b"]), ["a", "b"]),
        (bool, "yes", True),
        (bool, "False", False),
        (bool | None, "no", False),
        (str | dict[str, Any], "parts(weights={eyes: 3})", "parts(weights={eyes: 3})"),
        (str | dict[str, Any], "{name: block, size: 4}", {"name": "block", "size": 4}),
        (Literal["a", "b"], "a", "a"),
    ],
)
def test_what_fits_is_converted(kind: Any, value: Any, expected: Any) -> None:
    converted = convert(leaf(kind), value)
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "fragment"),
    [
        (float, "many", "expected a number, and this is not a number. how large."),
        (int, "2.5", "size = '2.5' does not fit: expected a whole number. how large."),
        (int, True, "expected a whole number"),
        (bool, "maybe", "expected true or false"),
        (str | None, 3, "expected text"),
        (str | None, ["a"], "expected text"),
        (list[int] | None, "20,x", "expected a list"),
        (
            Literal["center", "random"],
            "centre",
            "expected center or random. Did you mean 'center'?",
        ),
    ],
)
def test_what_does_not_fit_is_a_sentence(kind: Any, value: Any, fragment: str) -> None:
    with pytest.raises(MaskwrightError) as caught:
        convert(leaf(kind), value)
    assert fragment in str(caught.value)


def test_what_may_be_anything_is_left_alone() -> None:
    pictures = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    assert convert(leaf(Any), pictures) is pictures
