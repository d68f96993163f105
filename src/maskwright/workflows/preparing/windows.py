"""Square windows of pictures: chosen once, written into the store, shown on a sheet."""

from __future__ import annotations

import shutil
from pathlib import Path

from maskwright.data.crop import Finder, SmartCrop
from maskwright.data.cropped_source import CroppedSource, crop_source
from maskwright.data.sources.open import Source
from maskwright.data.store.packed import PackedStore
from maskwright.support.count_progress import CountProgress
from maskwright.support.files import write_json
from maskwright.support.reporting import Reporter
from maskwright.workflows.preparing.heads import pick_finders
from maskwright.workflows.preparing.sheets import save_window_sheet

# What a window was chosen for, in words.
KINDS = {
    "heads": "around heads",
    "saliency": "where most stands out",
    "center": "in the center",
    "whole": "of square pictures, whole",
}
# A window that holds this share of the heads holds all that matters of them.
WHOLE_HEADS = 0.95


def choose_windows(
    source: Source, crop: str, windows: int, heads: str, folder: Path, reporter: Reporter
) -> CroppedSource | None:
    """Choose a window of each picture, or none where pictures stay whole."""
    if crop == "none":
        return None
    finders: tuple[Finder, ...] = ()
    made = "center"
    if crop == "smart":
        finders, made = pick_finders(heads, source, reporter)
    rule = SmartCrop(
        finders=finders, windows=windows, saliency=crop == "smart", made=f"{crop}: {made}"
    )
    progress = CountProgress(reporter, "windows")

    cropped = crop_source(source, rule, _work_folder(folder), progress.show)
    reporter.finish()
    return cropped


def _work_folder(folder: Path) -> Path:
    """Where windows are kept while they are chosen, so that a killed run goes on."""
    return folder.with_name(f".{folder.name}.windows")


def report_windows(
    store: PackedStore, cropped: CroppedSource, reporter: Reporter
) -> dict[str, int]:
    """Say what the windows keep, write them into the store and draw a sheet."""
    kinds: list[str] = [window.choice.kept for window in cropped.windows]
    counts = {kind: kinds.count(kind) for kind in KINDS}
    parts = [f"{count:,} {KINDS[kind]}" for kind, count in counts.items() if count]
    reporter.say(f"windows: {', '.join(parts)}")

    # Heads that lie apart do not fit into the same square.
    shares = [window.choice.share for window in cropped.windows]
    cut = sum(share is not None and share < WHOLE_HEADS for share in shares)
    if cut:
        reporter.warn(
            f"{cut:,} windows hold less than 95% of the heads found; with --windows 2 such pictures"
            " get another window"
        )
    rows = {}
    for at, window in enumerate(cropped.windows):
        rows[cropped.key(at)] = [*vars(window.choice.window).values(), window.choice.kept]
    write_json(store.folder / "windows.json", rows)
    shutil.rmtree(_work_folder(store.folder), ignore_errors=True)
    reporter.say(f"  look at them: {save_window_sheet(store, cropped)}")
    return counts
