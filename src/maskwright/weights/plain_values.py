"""Plain values that checkpoints carry beside their weights, read without numpy's own unpickling.

These are numpy numbers, paths and settings.

A pickle names functions to call. torch calls none but those allowed; for the few that hold plain
values, a stand-in of ours is called under the name, which makes a Python number or text and can do
nothing else: numpy's own functions would take memory addresses from a file that was made to harm.
"""

from __future__ import annotations

import argparse
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np

# Booleans, integers and floats: types of objects or records could hold anything.
_NUMBER = re.compile(r"b1|[iu][1248]|f[248]")


class _NumberType:
    """Stands for numpy.dtype: remembers the name of a number's type and its byte order."""

    def __init__(self, name: str, align: bool = False, copy: bool = False) -> None:
        if not _NUMBER.fullmatch(name):
            # In torch's words for what it refuses, because `reading` finds the name of the type
            # there and gives the same advice.
            raise pickle.UnpicklingError(
                f"Unsupported global: GLOBAL numpy.dtype({name}) is refused"
            )
        self.name = name
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        # numpy's second value is the byte order; `|` and the like mean that it does not matter.
        self.order = {"<": "<", ">": ">"}.get(str(state[1]), "=")

    def read(self, data: bytes) -> np.ndarray:
        """The numbers in some bytes."""
        return np.frombuffer(data, np.dtype(f"{self.order}{self.name}"))


class _Array:
    """Stands for numpy's arrays, which nobody asks for: what is in them is not read."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def _number(kind: _NumberType, data: bytes) -> float | int | bool:
    value: float | int | bool = kind.read(data)[0].item()
    return value


def _path(*parts: str) -> str:
    # Text, because a Windows path cannot be built elsewhere.
    return "/".join(parts)


# Stand-ins by the names in files. numpy 2 renamed its module, Python 3.13 that of paths.
ALLOWED: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    argparse.Namespace,
    (_NumberType, "numpy.dtype"),
    *((_number, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    *((_Array, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    (_Array, "numpy.ndarray"),
    *(
        (_path, f"{module}.{kind}")
        for module in ("pathlib", "pathlib._local")
        for kind in ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")
    ),
]
