"""Pictures in a folder on disk, flat or nested."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from maskwright.data.sources.identity import file_state, remembered, stamp_file
from maskwright.data.sources.layouts import open_entries
from maskwright.data.sources.picture_files import Entry, PictureFiles, slug
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True)
class FolderStorage:
    """Reads files below a root folder."""

    root: Path

    def read_bytes(self, key: str) -> bytes:
        return (self.root / key).read_bytes()

    def stamps(self, keys: Sequence[str]) -> list[str]:
        root = str(self.root)  # joining texts is several times faster than joining Paths
        return remembered(
            self.root,
            keys,
            lambda key: file_state(os.path.join(root, key)),
            lambda key: stamp_file(os.path.join(root, key)),
        )


def open_folder(
    root: Path, *, split: str | None = None, pattern: str | None = None
) -> PictureFiles:
    """List the pictures below a folder; raises MaskwrightError when there are none or a folder may
    not be read.
    """
    if _is_written(set(os.listdir(root)) if os.access(root, os.R_OK) else set()):
        raise MaskwrightError(
            f"'{root}' is the folder of a run, not of pictures: its figures are nothing to learn"
            " from. Give the pictures."
        )
    return open_entries(
        _walk(root),
        FolderStorage(root),
        place=str(root),
        name=slug(root.resolve().name),
        split=split,
        pattern=pattern,
    )


def _is_written(names: set[str]) -> bool:
    """Whether a folder with these names in it was written by a run or by `prepare`: its figures are
    no pictures of the data.
    """
    return {"run.json", "config.yaml"} <= names or {"store.json", "pixels.bin"} <= names


def _walk(root: Path) -> Iterator[Entry]:
    """Yield every file below the root, following links to folders once and passing over runs and
    stores that pictures may lie around.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            facts = folder.stat()
            if (facts.st_dev, facts.st_ino) in seen:
                continue
            seen.add((facts.st_dev, facts.st_ino))
            with os.scandir(folder) as listing:
                found = list(listing)
        except OSError as error:
            raise MaskwrightError(
                f"Cannot read the folder '{folder}': {error.strerror}. Check its permissions."
            ) from error
        if _is_written({item.name for item in found}):
            continue
        for item in found:
            if item.is_dir():
                waiting.append(Path(item.path))
            elif item.is_file():
                yield Entry(Path(item.path).relative_to(root).as_posix())
