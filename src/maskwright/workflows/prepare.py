"""Preparing pictures: cut and shrink them once into a store, with maps beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maskwright.data.maps.patch_maps import PixelMap
from maskwright.data.maps.priors import PriorRequest, parse_priors, resolve_source
from maskwright.data.packing import pack
from maskwright.data.sources.open import Source
from maskwright.data.sources.store_source import StoreSource, is_store
from maskwright.data.sources.survey import Survey
from maskwright.data.store.packed import PackedStore
from maskwright.support.count_progress import CountProgress
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.pictures import find
from maskwright.workflows.preparing.maps import find_originals, make_map
from maskwright.workflows.preparing.summary import summarize
from maskwright.workflows.preparing.windows import choose_windows
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.geometry_choices import choose_side
from maskwright.workflows.settings.prepare_settings import PrepareSettings
from maskwright.workflows.settings.pretrain_settings import DataSettings


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


@takes(PrepareSettings, "data", "out")
def prepare(settings: PrepareSettings, reporter: Reporter | None = None) -> Prepared:
    """Write a store of `data` to the folder `out`, with the maps named in `priors`.

    A killed run goes on when it is repeated. A store as `data` gets its maps where it is.
    Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or usual_reporter()
    asked = _asked(settings.priors)
    # An array or a Dataset has no name.
    by_name = isinstance(settings.data, (str, Path))
    data_settings = DataSettings(
        data=str(settings.data) if by_name else "python",
        split=settings.split,
        labels=settings.labels,
        value_range=settings.value_range,
        pages=settings.pages or "first",
    )
    source, survey = find(data_settings, None if by_name else settings.data, reporter)

    # A store without `out` stays as it is and gets maps; anything else becomes a store.
    cropped = None
    if isinstance(source, StoreSource) and settings.out is None:
        store = _whole_store(source, settings.size, settings.crop)
    else:
        folder = _check_out(settings.out, settings.overwrite)
        cropped = choose_windows(
            source, settings.crop, settings.windows, settings.heads, folder, reporter
        )
        side = settings.size or _choose_size(survey, reporter)
        count = settings.channels or (1 if survey.gray else survey.channels)
        store = _write_store(cropped or source, side, count, folder, settings.overwrite, reporter)

    # Maps are made from the originals, which show more than the store.
    originals = find_originals(store, cropped or source)
    seed, device = settings.seed, settings.device
    maps = tuple(make_map(prior, store, originals, seed, device, reporter) for prior in asked)
    summarize(store, cropped, maps, settings.size, reporter)
    return Prepared(store, maps, store.folder)


def _asked(priors: str | Sequence[str]) -> list[PriorRequest]:
    """The maps that were named, with sources that exist."""
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
    progress = CountProgress(reporter, "pictures")

    store = pack(source, short_side=size, channels=channels, folder=folder, progress=progress.show)
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
