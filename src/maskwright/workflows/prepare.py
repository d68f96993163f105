"""Preparing pictures: cut and shrink them once into a store, with maps of foreground, attention and
parts beside them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maskwright.data.crop import SmartCrop
from maskwright.data.cropped_source import CroppedSource, crop_source
from maskwright.data.maps.map_writer import write_map
from maskwright.data.maps.originals import Original
from maskwright.data.maps.patch_maps import PixelMap
from maskwright.data.maps.priors import PriorRequest, build_prior, parse_priors, resolve_source
from maskwright.data.packing import pack
from maskwright.data.pixels.decode import quiet_pillow
from maskwright.data.sources.open import Source
from maskwright.data.sources.store_source import StoreSource, is_store
from maskwright.data.sources.survey import Survey
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import spread
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings, read_json, write_json
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.workflows.building.teachers import open_teacher
from maskwright.workflows.loading.pictures import find
from maskwright.workflows.preparing.heads import pick_finders
from maskwright.workflows.preparing.sheets import save_map_sheet, save_window_sheet
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.choices import choose_side
from maskwright.workflows.settings.prepare_settings import PrepareSettings
from maskwright.workflows.settings.pretrain_settings import DataSettings

SUMMARY = "prepare.json"
_LOOK_AT = 24


@dataclass(frozen=True)
class Prepared:
    """The store that was written and the maps made for it."""

    store: PackedStore
    maps: tuple[PixelMap, ...]
    path: Path


@takes(PrepareSettings, "data", "out")
def prepare(settings: PrepareSettings, reporter: Reporter | None = None) -> Prepared:
    """Write a store of `data` to the folder `out`, with the maps named in `priors`; a killed run
    goes on when it is repeated.

    A store as `data`, without `out`, gets maps added where it is.

    Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or LogReporter()
    asked = _asked(settings.priors)
    by_name = isinstance(settings.data, (str, Path))
    data_settings = DataSettings(
        data=str(settings.data) if by_name else "python",
        split=settings.split,
        labels=settings.labels,
        value_range=settings.value_range,
        pages=settings.pages or "first",
    )
    source, found = find(data_settings, None if by_name else settings.data, reporter)
    if isinstance(source, StoreSource) and settings.out is None:
        store, cropped = _whole_store(source, settings.size, settings.crop), None
    else:
        folder = _check_out(settings.out, settings.overwrite)
        cropped = _choose_windows(
            source, settings.crop, settings.windows, settings.heads, folder, reporter
        )
        store = _write_store(
            cropped or source,
            found,
            settings.size,
            settings.channels,
            folder,
            settings.overwrite,
            reporter,
        )
    originals = _originals(store, cropped or source)
    maps = tuple(
        _make_map(prior, store, originals, settings.seed, settings.device, reporter)
        for prior in asked
    )
    _summarize(store, cropped, maps, settings.size, reporter)
    return Prepared(store, maps, store.folder)


def _asked(priors: str | Sequence[str]) -> list[PriorRequest]:
    """The maps that were named, with sources that exist."""
    asked = parse_priors(priors)
    for one in asked:
        if one.source is not None:
            resolve_source(one)
    return asked


def _check_out(out: str | Path | None, overwrite: bool) -> Path:
    if out is None:
        raise MaskwrightError("Say where the store goes: --out FOLDER.")
    folder = Path(out)
    if folder.exists() and not is_store(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise MaskwrightError(
            f"'{folder}' holds something else than a store; choose another --out."
        )
    return folder


def _whole_store(source: StoreSource, size: int | None, crop: str) -> PackedStore:
    if size is not None or crop != "none" or source.notes:
        raise MaskwrightError(
            "A store gets maps where it is; to cut or shrink its pictures, give another folder with"
            " --out."
        )
    return source.store


def _choose_windows(
    source: Source, crop: str, windows: int, heads: str, folder: Path, reporter: Reporter
) -> CroppedSource | None:
    """Choose a window of each picture, or none where pictures stay whole."""
    if crop == "none":
        return None
    finders, made = ((), "center") if crop == "center" else pick_finders(heads, source, reporter)
    rule = SmartCrop(
        finders=finders, windows=windows, saliency=crop == "smart", made=f"{crop}: {made}"
    )
    cropped = crop_source(
        source,
        rule,
        _work_folder(folder),
        lambda done, total: reporter.progress(
            "windows", done, total, f"{done:,} of {total:,} pictures"
        ),
    )
    reporter.finish()
    return cropped


def _work_folder(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.windows")


def _write_store(
    source: Source,
    found: Survey,
    size: int | None,
    channels: int | None,
    folder: Path,
    overwrite: bool,
    reporter: Reporter,
) -> PackedStore:
    """Decode, cut and shrink every picture into the folder."""
    if size is None:
        size = choose_side(min(found.median), "cuda")
        reporter.say(
            f"size {size}: the median picture's shorter side is {min(found.median)}; choose another"
            " with --size"
        )
    channels = channels or (1 if found.gray else found.channels)
    _refuse_other(source, size, channels, folder, overwrite)
    store = pack(
        source,
        short_side=size,
        channels=channels,
        folder=folder,
        progress=lambda done, total: reporter.progress(
            "pictures", done, total, f"{done:,} of {total:,} pictures"
        ),
    )
    reporter.finish()
    return store


def _refuse_other(source: Source, size: int, channels: int, folder: Path, overwrite: bool) -> None:
    """Replace a finished store of other pictures only when asked."""
    if not is_store(folder) or overwrite:
        return
    facts = read_json(folder / "store.json")
    if (facts["fingerprint"], facts["short_side"], facts["channels"]) != (
        source.fingerprint,
        size,
        channels,
    ):
        raise MaskwrightError(
            f"'{folder}' is a store of other pictures, or of these cut otherwise"
            f" ({facts['short_side']} pixels, {facts['channels']} channels). Use --overwrite to"
            " replace it with its maps, or another --out."
        )


def _originals(store: PackedStore, source: Source) -> list[Original]:
    """Where each stored picture comes from."""
    places = {source.key(index): index for index in reversed(range(len(source)))}
    sizes = list(zip(store.heights.tolist(), store.widths.tolist(), strict=True))
    if not isinstance(source, CroppedSource):
        return [
            Original(source, places[key], None, size)
            for key, size in zip(store.keys, sizes, strict=True)
        ]
    cut = [source.windows[places[key]] for key in store.keys]
    return [
        Original(source.whole, one.index, one.choice.window, size)
        for one, size in zip(cut, sizes, strict=True)
    ]


def _make_map(
    asked: PriorRequest,
    store: PackedStore,
    originals: list[Original],
    seed: int,
    device: str,
    reporter: Reporter,
) -> PixelMap:
    """Make one map, saying where it comes from, and a sheet to look at it."""
    sample = [originals[at] for at in spread(len(originals), _LOOK_AT)]
    prior, words = build_prior(_with_teacher(asked, device), seed, sample)
    reporter.say(f"{asked.name}: {words}")
    with quiet_pillow():
        made = write_map(
            store,
            prior.plan(),
            lambda ids: prior.draw([originals[index] for index in ids]),
            lambda done, total: reporter.progress(
                asked.name, done, total, f"{done:,} of {total:,} pictures"
            ),
        )
    reporter.finish()
    reporter.say(format_coverage(made, len(store)))
    reporter.say(f"  look at it: {save_map_sheet(store, made)}")
    return made


def _with_teacher(asked: PriorRequest, device: str) -> PriorRequest:
    """Attention asks a network, which is opened here: data knows no networks."""
    if asked.name != "attention" or asked.source is None:
        return asked
    _, options = resolve_source(asked)
    place = pick_device(device)
    teacher = open_teacher(options.get("file", ""), place)
    stamp = hash_strings(
        f"{name} {values.double().sum().item():.12g}"
        for name, values in teacher.encoder.state_dict().items()
    )
    return PriorRequest(
        asked.name,
        "vit",
        {**options, **asked.options, "teacher": teacher, "stamp": stamp, "device": str(place)},
    )


def format_coverage(made: PixelMap, count: int) -> str:
    """A map's coverage in a line for people: mean share, pictures without any, and each part."""
    numbers = made.coverage
    text = (
        f"  {made.name}: covers {numbers['mean_share']:.1%} on average; {int(numbers['without']):,}"
        f" of {count:,} pictures have none"
    )
    parts = [
        f"{part} {numbers[f'{part}: mean_share']:.1%} (none in"
        f" {int(numbers[f'{part}: without']):,})"
        for part in made.parts
    ]
    return text + (f"; {', '.join(parts)}" if parts else "")


def _summarize(
    store: PackedStore,
    cropped: CroppedSource | None,
    maps: Sequence[PixelMap],
    size: int | None,
    reporter: Reporter,
) -> None:
    """Say what is there now and what to do next; write the same down."""
    reporter.say(
        f"{len(store):,} pictures, {store.channels} channels, {store.num_bytes / 1e6:,.1f} MB of"
        f" pixels in '{store.folder}'"
    )
    if store.skipped:
        named = "; ".join(f"{item.key} ({item.reason})" for item in store.skipped[:5])
        reporter.warn(
            f"{len(store.skipped)} unreadable pictures skipped, all listed in {SUMMARY}: {named}"
        )
    smaller = int((store.heights.minimum(store.widths) < store.short_side).sum())
    if smaller:
        reporter.warn(
            f"{smaller:,} pictures are smaller than {store.short_side} pixels and were kept at"
            " their own size, not enlarged"
        )
    kept = {} if cropped is None else _report_windows(store, cropped, reporter)
    facts = {
        "pictures": len(store),
        "short_side": store.short_side,
        "channels": store.channels,
        "smaller": smaller,
        "windows": kept,
        "skipped": [[item.key, item.reason] for item in store.skipped],
    }
    old = read_json(store.folder / SUMMARY) if (store.folder / SUMMARY).exists() else {}
    listed = old.get("maps", {}) | {
        one.name: {"made": one.made, "parts": list(one.parts), **one.coverage} for one in maps
    }
    write_json(
        store.folder / SUMMARY,
        {**(old if cropped is None and size is None else {}), **facts, "maps": listed},
    )
    reporter.say(f"Next: maskwright masks {store.folder}   or   maskwright pretrain {store.folder}")


def _report_windows(
    store: PackedStore, cropped: CroppedSource, reporter: Reporter
) -> dict[str, int]:
    """Say what the windows keep, write them into the store and draw a sheet."""
    count = {
        kept: sum(one.choice.kept == kept for one in cropped.windows)
        for kept in ("heads", "saliency", "center", "whole")
    }
    words = {
        "heads": "around heads",
        "saliency": "where most stands out",
        "center": "in the center",
        "whole": "of square pictures, whole",
    }
    reporter.say(
        "windows: "
        + ", ".join(f"{number:,} {words[kept]}" for kept, number in count.items() if number)
    )
    cut = sum(one.choice.share is not None and one.choice.share < 0.95 for one in cropped.windows)
    if cut:
        reporter.warn(
            f"{cut:,} windows hold less than 95% of the heads found; with --windows 2 such pictures"
            " get another window"
        )
    work = _work_folder(store.folder)
    rows = {
        cropped.key(at): [*vars(one.choice.window).values(), one.choice.kept]
        for at, one in enumerate(cropped.windows)
    }
    write_json(store.folder / "windows.json", rows)
    shutil.rmtree(work, ignore_errors=True)
    reporter.say(f"  look at them: {save_window_sheet(store, cropped)}")
    return count
