"""Pictures in a folder on disk, flat or nested."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from maskwright.data.sources.collect import Listing
from maskwright.data.sources.file_names import PICTURE_EXTENSIONS, extension, slug
from maskwright.data.sources.identity import cached_stamps, file_state, stamp_file
from maskwright.data.sources.layouts import open_listing
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.data.sources.source_kind import LocatedPath, OpenOptions, SourceKind
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True)
class FolderStorage:
    """Reads files below a root folder."""

    root: Path

    def read_bytes(self, key: str) -> bytes:
        return (self.root / key).read_bytes()

    def stamps(self, keys: Sequence[str]) -> list[str]:
        root = str(self.root)  # joining texts is several times faster than joining Paths
        return cached_stamps(
            self.root,
            keys,
            lambda key: file_state(os.path.join(root, key)),
            lambda key: stamp_file(os.path.join(root, key)),
        )


def open_folder(
    root: Path, *, split: str | None = None, pattern: str | None = None
) -> PictureFiles:
    """List the pictures below a folder.

    Raises MaskwrightError when there are none or a folder may not be read.
    """
    # A folder that may not be listed is reported by the walk, which knows the reason.
    names = set(os.listdir(root)) if os.access(root, os.R_OK) else set()
    if _is_written_by_us(names):
        raise MaskwrightError(
            f"'{root}' is the folder of a run, not of pictures: its figures are nothing to learn"
            " from. Give the pictures."
        )
    listing = Listing(
        keys=list(_walk(root)),
        storage=FolderStorage(root),
        location=str(root),
        name=slug(root.resolve().name),
        split=split,
        pattern=pattern,
    )
    return open_listing(listing)


def _is_written_by_us(names: set[str]) -> bool:
    """Whether a folder with these names in it was written by a run or by `prepare`.

    Its figures are no pictures of the data.
    """
    return {"run.json", "config.yaml"} <= names or {"store.json", "pixels.bin"} <= names


def _walk(root: Path) -> Iterator[str]:
    """Yield the key of every file below the root.

    Links to folders are followed once. Runs and stores among the pictures are passed over.
    """
    # Links may form a circle; a folder is known by its device and inode, whatever its path.
    seen: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            facts = folder.stat()
            inode = (facts.st_dev, facts.st_ino)
            if inode in seen:
                continue
            seen.add(inode)
            with os.scandir(folder) as listing:
                items = list(listing)
        except OSError as error:
            raise MaskwrightError(
                f"Cannot read the folder '{folder}': {error.strerror}. Check its permissions."
            ) from error
        if _is_written_by_us({item.name for item in items}):
            continue
        for item in items:
            if item.is_dir():
                waiting.append(Path(item.path))
            elif item.is_file():
                yield Path(item.path).relative_to(root).as_posix()


def _open_picture_file(located: LocatedPath, options: OpenOptions) -> PictureFiles:
    # One file is its folder with a pattern that matches it alone; it belongs to no split.
    return open_folder(located.path.parent, pattern=located.path.name)


FOLDER = SourceKind(
    name="folder",
    noun="a folder",
    takes=LocatedPath,
    accepts=lambda located: located.path.is_dir(),
    open=lambda located, options: open_folder(
        located.path, split=options.split, pattern=located.pattern
    ),
)
PICTURE_FILE = SourceKind(
    name="picture file",
    noun="a picture",
    takes=LocatedPath,
    accepts=lambda located: extension(located.path.name) in PICTURE_EXTENSIONS,
    open=_open_picture_file,
)
