"""Which entries show the same picture: windows by their names, exact duplicates by their pixels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from maskwright.support.name_column import NameColumn

# A page of a file of several: `x#page2.tif`, perhaps with the number of a window behind it.
_PAGE = re.compile(r"#page\d+(?=(\.\w+)?(#\d+)?$)")


def name_of_picture(key: str) -> str:
    """The picture that an entry is of.

    `x.jpg` for its windows `x.jpg#2` and `x.jpg#3`, `x.tif` for its page `x#page2.tif`.
    """
    key = _PAGE.sub("", key)
    name, mark, number = key.rpartition("#")
    is_window = mark and name and number.isdigit()
    return name if is_window else key


def is_numbered(key: str) -> bool:
    """Whether a key is a place in an array or Dataset (`row 5`, `item 5`) and no file name."""
    return re.fullmatch(r"(row|item) \d+", name_of_picture(key)) is not None


def hash_names(keys: Sequence[str]) -> Tensor:
    """A 64-bit hash (n,) int64 of each entry's picture by name, shared by its windows."""
    if isinstance(keys, NameColumn) and not keys.may_hold("#"):
        return torch.from_numpy(np.array(keys.hashes))  # known since the names were written
    has_marks = any("#" in key for key in keys)
    names = map(name_of_picture, keys) if has_marks else keys
    # One call and no seed in it: hashing 1.3 million names is most of the time that a split takes.
    digests = b"".join(
        hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
        for name in names
    )
    hashes = np.frombuffer(digests, dtype="<i8")
    # A copy: the bytes cannot be written, which torch warns of.
    return torch.from_numpy(hashes.astype(np.int64))


def hash_pixels(pixels: np.ndarray) -> int:
    """A 64-bit hash of a decoded picture (H, W, C) uint8 and its size, as a signed integer."""
    # The shape counts: the same bytes are another picture at another width.
    digest = hashlib.blake2b(str(pixels.shape).encode(), digest_size=8)
    digest.update(np.ascontiguousarray(pixels).data)
    return int.from_bytes(digest.digest(), "little", signed=True)


def group_pictures(names: Tensor, pixels: Tensor | None) -> Tensor | None:
    """Number the groups of entries that must stay together, (n,) int64; None when all stand alone.

    names, pixels: (n,) hashes; entries with an equal one belong together, and so do those that a
        third entry joins.
    """
    by_name = _number(names)
    by_pixels = None if pixels is None else _number(pixels)
    # With one kind of equality its numbers are the groups already.
    if by_name is None or by_pixels is None:
        return by_pixels if by_name is None else by_name
    # A graph of names and contents with an edge for each entry: its connected parts are the groups.
    num_names = int(by_name.max()) + 1
    num_nodes = num_names + int(by_pixels.max()) + 1
    # Contents are numbered behind the names.
    ends = (by_name.numpy(), by_pixels.numpy() + num_names)
    weights = np.ones(len(by_name), np.int8)
    graph = coo_array((weights, ends), shape=(num_nodes, num_nodes))
    _, part = connected_components(graph, directed=False)
    parts = torch.from_numpy(part.astype(np.int64))  # (nodes,)
    return parts[by_name]


def _number(hashes: Tensor) -> Tensor | None:
    """Number equal hashes alike; None when all differ, which a sort alone tells fastest."""
    ordered = np.sort(hashes.numpy())
    equals_next = ordered[1:] == ordered[:-1]
    if not equals_next.any():
        return None
    _, numbers = np.unique(hashes.numpy(), return_inverse=True)
    return torch.from_numpy(numbers.astype(np.int64))
