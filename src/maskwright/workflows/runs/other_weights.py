"""What else a run keeps when one of its own files is damaged.

Nobody can fetch again what this machine wrote.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open

from maskwright.support.errors import MaskwrightError
from maskwright.weights.reading import BrokenFile
from maskwright.workflows.runs.run_folder import RunFolder


@contextmanager
def suggesting_others(weights: Path | str) -> Iterator[None]:
    """When a file of a run turns out to be broken, name the whole files of the same run."""
    try:
        yield
    except BrokenFile as error:
        # checkpoints/last.ckpt and exported/NAME lie two levels below the run.
        run = RunFolder(Path(weights).parent.parent)
        if not run.exists:
            raise
        others = undamaged_weights(run)
        # An advice that can be followed, in any case.
        if not others:
            way = "the run keeps no other weights; start it again with --overwrite"
        else:
            way = f"the run keeps whole ones: {', '.join(map(str, others))} (use one in its place)"
        raise MaskwrightError(f"{error.what}; {way}.") from error


def undamaged_weights(run: RunFolder) -> list[Path]:
    """The undamaged weight files of a run: checkpoints before exports, the newest first."""
    # A zip file has its table at the end: a torn one has none.
    checkpoints = [path for path in run.checkpoints.glob("*.ckpt") if zipfile.is_zipfile(path)]
    exports = [path for path in run.exported.glob("*.safetensors") if _is_whole(path)]
    return [*_newest_first(checkpoints), *_newest_first(exports)]


def _newest_first(paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True)


def _is_whole(path: Path) -> bool:
    """Whether a safetensors file has all that its header promises."""
    try:
        # Opening compares the sizes; nothing is read.
        with safe_open(path, "pt") as file:
            return bool(file.keys())
    except (OSError, SafetensorError):
        return False
