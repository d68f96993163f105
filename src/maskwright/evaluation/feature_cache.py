"""Features on disk, so that the same weights and pictures are not encoded again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from maskwright.data.store.packed import PackedStore
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.support.reporting import Reporter
from maskwright.support.torch_files import write_safetensors

# Part of every key: a higher number makes all features anew.
FORMAT = 1
# Enough for a million pictures of 1,024 numbers each.
MOST_BYTES = 4 * 2**30
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class FeatureCache:
    """A folder of tensors by key; the files used longest ago go when there are too many.

    folder: where the files lie.
    reporter: where it says what was found.
    most_bytes: of all files together.
    """

    folder: Path
    reporter: Reporter
    most_bytes: int = MOST_BYTES

    def fetch(self, key: str, name: str, make: Callable[[], Tensors]) -> Tensors:
        """What was kept under a key, or else what `make` gives, kept from now on.

        name: what the features are, for the message that they were there already.
        """
        file = self.folder / f"{key}.safetensors"
        if file.exists():
            try:
                tensors = load_file(file)
            except FileNotFoundError:  # another worker has just made room
                pass
            except (SafetensorError, OSError) as error:
                self.reporter.warn(
                    f"The cached features {file} are damaged ({error}); they are made again."
                )
            else:
                _mark_used(file)
                self.reporter.say(f"{name}: features from cache")
                return tensors
        tensors = make()
        self._keep(file, tensors)
        return tensors

    def _keep(self, file: Path, tensors: Mapping[str, Tensor]) -> None:
        size = sum(value.nbytes for value in tensors.values())
        if size > self.most_bytes:
            self.reporter.warn(
                f"These features take {size / 2**30:.1f} GiB and are not kept for the next time."
            )
            return
        # A full disk is no reason to lose what was just measured.
        try:
            write_safetensors(file, {name: value.contiguous() for name, value in tensors.items()})
        except MaskwrightError as error:
            self.reporter.warn(f"The features are not kept for the next time: {error}")
            return
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        """Make room; several workers may do so at once."""
        known: list[tuple[Path, os.stat_result]] = []
        for file in self.folder.glob("*.safetensors"):
            facts = _facts(file)
            # A file that another worker has taken away is gone for all.
            if facts is not None:
                known.append((file, facts))
        # From the newest on, files stay until the room is used up.
        known.sort(key=lambda pair: pair[1].st_mtime, reverse=True)
        total = 0
        for file, facts in known:
            total += facts.st_size
            if total > self.most_bytes:
                file.unlink(missing_ok=True)


def _facts(file: Path) -> os.stat_result | None:
    """Size and time of a file, or None where it is gone."""
    try:
        return file.stat()
    except FileNotFoundError:
        return None


def _mark_used(file: Path) -> None:
    """Give a file the time of now."""
    # Path.touch would leave an empty file where another worker has just taken it away.
    with suppress(FileNotFoundError):
        os.utime(file)


def hash_weights(model: nn.Module) -> str:
    """A hash of every weight of a module with its name, shape and type."""
    digest = blake2b(digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def features_key(
    weights: str,
    shape: Mapping[str, object],
    scale: PixelScale | None,
    store: PackedStore,
    how: str,
) -> str:
    """The name under which features are kept.

    weights: their hash.
    shape: the configuration of the model.
    scale: its pixel scale.
    store: the pictures.
    how: what is read, and in which precision on which device.
    """
    sides = (store.short_side, store.channels, store.reading, len(store))
    pictures = (store.fingerprint, *map(str, sides))
    config = json.dumps(shape, sort_keys=True, default=str)
    return hash_strings([str(FORMAT), weights, config, str(scale), *pictures, how])
