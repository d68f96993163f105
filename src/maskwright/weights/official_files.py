"""The files of the official MAE release by name: fetched once to the cache, and checked."""

from __future__ import annotations

import hashlib
import urllib.error
from dataclasses import dataclass
from pathlib import Path

import torch

from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.files import write_atomic, write_text
from maskwright.support.variables import cache_folder

PREFIX = "official:"
LICENSE = "CC-BY-NC 4.0 (Meta's weights): no commercial use"
_SITE = "https://dl.fbaipublicfiles.com/mae"


@dataclass(frozen=True)
class OfficialFile:
    """A file of the release.

    folder: where it is on the site.
    md5: the beginning of its sum, where the release publishes one.
    """

    folder: str
    md5: str | None = None

    def url(self, name: str) -> str:
        """Its address."""
        return f"{_SITE}/{self.folder}/{name}.pth"


OFFICIAL_FILES = {
    "mae_pretrain_vit_base": OfficialFile("pretrain", "8cad7c"),
    "mae_pretrain_vit_large": OfficialFile("pretrain", "b8b06e"),
    "mae_pretrain_vit_huge": OfficialFile("pretrain", "9bdbb0"),
    "mae_pretrain_vit_base_full": OfficialFile("pretrain"),
    "mae_pretrain_vit_large_full": OfficialFile("pretrain"),
    "mae_pretrain_vit_huge_full": OfficialFile("pretrain"),
    "mae_visualize_vit_base": OfficialFile("visualize"),
    "mae_visualize_vit_large": OfficialFile("visualize"),
    "mae_visualize_vit_large_ganloss": OfficialFile("visualize"),
    "mae_visualize_vit_huge": OfficialFile("visualize"),
    "mae_finetuned_vit_base": OfficialFile("finetune", "1b25e9"),
    "mae_finetuned_vit_large": OfficialFile("finetune", "51f550"),
    "mae_finetuned_vit_huge": OfficialFile("finetune", "2541f2"),
}


def official_file(name: str) -> Path:
    """The path of an official file in the cache, fetched first when it is not there.

    A published MD5 sum is checked at every use; where the release has none, the sum of the first
    download is kept beside the file and compared from then on. Raises MaskwrightError for unknown
    names, without a network (saying where to put the file by hand), and for a file that is not the
    published one.
    """
    if name not in OFFICIAL_FILES:
        raise unknown_name("official file", name, OFFICIAL_FILES)
    known = OFFICIAL_FILES[name]
    path = cache_folder() / "official" / f"{name}.pth"
    if not path.exists():
        _fetch(known.url(name), path)
    _check(path, known)
    return path


def _fetch(url: str, path: Path) -> None:
    """Download to the cache; nothing half-finished is left under the final name."""

    def download(temporary: Path) -> None:
        try:
            torch.hub.download_url_to_file(url, str(temporary), progress=False)
        except urllib.error.URLError as error:
            raise MaskwrightError(
                f"Could not fetch {url} ({error.reason}). Download it where there is a network and"
                f" put it at {path}."
            ) from error

    write_atomic(path, download)


def _check(path: Path, known: OfficialFile) -> None:
    actual = _md5(path)
    note = path.with_suffix(".md5")
    expected = known.md5
    if expected is None and note.exists():
        expected = note.read_text().strip()
    if expected is None:
        # The first download: later uses are compared with it.
        write_text(note, f"{actual}\n")
    elif not actual.startswith(expected):
        raise MaskwrightError(
            f"{path} is not the file it should be: its MD5 sum begins {actual[:6]}, not"
            f" {expected[:6]}. Delete it and fetch it again."
        )


def _md5(path: Path) -> str:
    # Not for security: it tells a damaged download from a whole one.
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
