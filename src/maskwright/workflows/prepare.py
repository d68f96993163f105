"""Preparing pictures: cut and shrink them once into a store, with maps beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maskwright.data.maps.patch_maps import PixelMap
from maskwright.data.maps.priors import Asked, parse_priors, resolve_source
from maskwright.data.packing import pack
from maskwright.data.sources.open import Source
from maskwright.data.sources.store_source import StoreSource, is_store
from maskwright.data.sources.survey import Survey
from maskwright.data.store.packed import PackedStore
from maskwright.support.checks import check_at_least, check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.workflows.loading.pictures import find
from maskwright.workflows.preparing.maps import find_originals, make_map
from maskwright.workflows.preparing.summary import summarize
from maskwright.workflows.preparing.windows import choose_windows
from maskwright.workflows.settings.choices import choose_side
from maskwright.workflows.settings.pretrain_settings import DataSettings

CROPS = ("none", "center", "smart")


@dataclass(frozen=True)
class Prepared:
    """What was written.

    store: the pictures.
    maps: made for it now.
    path: the store's folder.
    """

    store: PackedStore
    maps: tuple[PixelMap, ...]
    path: Path


def prepare(
    data: Any,
    out: str | Path | None = None,
    *,
    size: int | None = None,
    crop: str = "none",
    windows: int = 1,
    heads: str = "auto",
    priors: str | Sequence[str] = "",
    channels: int | None = None,
    split: str | None = None,
    labels: str | None = None,
    overwrite: bool = False,
    value_range: str | None = None,
    pages: Literal["first", "all"] = "first",
    seed: int = 0,
    device: str = "auto",
    reporter: Reporter | None = None,
) -> Prepared:
    """Write a store of `data` to the folder `out`, with the maps named in `priors`; a killed run
    goes on when it is repeated.

    size: shorter side of the stored pictures.
    crop: none, center or smart (square windows that keep heads).
    windows: most windows of a picture.
    heads: what finds them (auto, animeface, cascade, a cascade .xml, none). A store as `data`,
        without `out`, gets maps added where it is.
    value_range, pages: as for pretrain.

    Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or LogReporter()
    check_one_of("crop", crop, CROPS)
    asked = _asked(priors, size=size, windows=windows)
    # An array or a Dataset has no name.
    by_name = isinstance(data, (str, Path))
    settings = DataSettings(
        data=str(data) if by_name else "python",
        split=split,
        labels=labels,
        value_range=value_range,
        pages=pages,
    )
    source, survey = find(settings, None if by_name else data, reporter)

    # A store without `out` stays as it is and gets maps; anything else becomes a store.
    cropped = None
    if isinstance(source, StoreSource) and out is None:
        store = _whole_store(source, size, crop)
    else:
        folder = _check_out(out, overwrite)
        cropped = choose_windows(source, crop, windows, heads, folder, reporter)
        side = size or _choose_size(survey, reporter)
        count = channels or (1 if survey.gray else survey.channels)
        store = _write_store(cropped or source, side, count, folder, overwrite, reporter)

    # Maps are made from the originals, which show more than the store.
    originals = find_originals(store, cropped or source)
    maps = tuple(make_map(prior, store, originals, seed, device, reporter) for prior in asked)
    summarize(store, cropped, maps, size, reporter)
    return Prepared(store, maps, store.folder)


def _asked(priors: str | Sequence[str], **counts: int | None) -> list[Asked]:
    """The maps that were named, with sources that exist; refuses counts below 1."""
    for name, count in counts.items():
        check_at_least(name, count, 1)
    asked = parse_priors(priors)
    # Opened later; here only to refuse an unknown source before hours of decoding.
    for prior in asked:
        if prior.source is not None:
            resolve_source(prior)
    return asked


def _check_out(out: str | Path | None, overwrite: bool) -> Path:
    """The folder to write; raises MaskwrightError for one that holds something else."""
    if out is None:
        raise MaskwrightError("Say where the store goes: --out FOLDER.")
    folder = Path(out)
    if folder.exists() and not is_store(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise MaskwrightError(
            f"'{folder}' holds something else than a store; choose another --out."
        )
    return folder


def _whole_store(source: StoreSource, size: int | None, crop: str) -> PackedStore:
    """The store itself; raises MaskwrightError where its pictures would have to change."""
    if size is not None or crop != "none" or source.notes:
        raise MaskwrightError(
            "A store gets maps where it is; to cut or shrink its pictures, give another folder with"
            " --out."
        )
    return source.store


def _write_store(
    source: Source, size: int, channels: int, folder: Path, overwrite: bool, reporter: Reporter
) -> PackedStore:
    """Decode, cut and shrink every picture into the folder."""
    _refuse_other(source, size, channels, folder, overwrite)

    def show(done: int, total: int) -> None:
        reporter.progress("pictures", done, total, f"{done:,} of {total:,} pictures")

    store = pack(source, short_side=size, channels=channels, folder=folder, progress=show)
    reporter.finish()
    return store


def _choose_size(survey: Survey, reporter: Reporter) -> int:
    """A shorter side that fits the pictures."""
    # As for a card, whatever this machine has: a store is made once and used for long.
    size = choose_side(min(survey.median), "cuda")
    reporter.say(
        f"size {size}: the median picture's shorter side is {min(survey.median)}; choose another"
        " with --size"
    )
    return size


def _refuse_other(source: Source, size: int, channels: int, folder: Path, overwrite: bool) -> None:
    """Replace a finished store of other pictures only when asked."""
    if not is_store(folder) or overwrite:
        return
    # Identity of the source, and how its pictures were shrunk.
    facts = read_json(folder / "store.json")
    is_same = (
        facts["fingerprint"] == source.fingerprint
        and facts["short_side"] == size
        and facts["channels"] == channels
    )
    if not is_same:
        raise MaskwrightError(
            f"'{folder}' is a store of other pictures, or of these cut otherwise"
            f" ({facts['short_side']} pixels, {facts['channels']} channels). Use --overwrite to"
            " replace it with its maps, or another --out."
        )
