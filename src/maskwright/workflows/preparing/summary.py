"""What a prepared store is, said and written beside it."""

from __future__ import annotations

from collections.abc import Sequence

from maskwright.data.cropped_source import CroppedSource
from maskwright.data.maps.patch_maps import PixelMap
from maskwright.data.store.packed import PackedStore
from maskwright.support.files import read_json, write_json
from maskwright.support.reporting import Reporter
from maskwright.workflows.preparing.windows import report_windows

SUMMARY = "prepare.json"


def summarize(
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
    smaller = int((store.heights.minimum(store.widths) < store.short_side).sum())
    _warn(store, smaller, reporter)
    windows = {} if cropped is None else report_windows(store, cropped, reporter)
    facts = {
        "pictures": len(store),
        "short_side": store.short_side,
        "channels": store.channels,
        "smaller": smaller,
        "windows": windows,
        "skipped": [[item.key, item.reason] for item in store.skipped],
    }

    # Maps of an earlier call stay listed, and so does the rest where only maps were added.
    file = store.folder / SUMMARY
    earlier = read_json(file) if file.exists() else {}
    listed = dict(earlier.get("maps", {}))
    for item in maps:
        listed[item.name] = {"made": item.made, "parts": list(item.parts), **item.coverage}
    only_maps = cropped is None and size is None
    write_json(file, {**(earlier if only_maps else {}), **facts, "maps": listed})
    reporter.say(f"Next: maskwright masks {store.folder}   or   maskwright pretrain {store.folder}")


def _warn(store: PackedStore, smaller: int, reporter: Reporter) -> None:
    """Warn of pictures that could not be read and of those that are small."""
    if store.skipped:
        named = "; ".join(f"{item.key} ({item.reason})" for item in store.skipped[:5])
        reporter.warn(
            f"{len(store.skipped)} unreadable pictures skipped, all listed in {SUMMARY}: {named}"
        )
    if smaller:
        reporter.warn(
            f"{smaller:,} pictures are smaller than {store.short_side} pixels and were kept at"
            " their own size, not enlarged"
        )
