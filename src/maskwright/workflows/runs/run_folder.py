"""The folder of a run: where everything lies, what state it is in, and who may write into it."""

from __future__ import annotations

import json
import re
import shutil
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json, write_text
from maskwright.support.reporting import log, write_log_file
from maskwright.workflows.runs.liveness import this_process

STATES = ("running", "stopped", "failed", "finished")


class RunFolder:
    """Paths of a run; the files are the truth, this only knows their names."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.status_file = self.path / "run.json"
        self.metrics_file = self.path / "metrics.jsonl"
        self.log_file = self.path / "train.log"
        self.checkpoints = self.path / "checkpoints"
        self.last = self.checkpoints / "last.ckpt"
        self.best_knn = self.checkpoints / "best_knn.ckpt"
        self.samples = self.path / "samples"
        self.masks = self.path / "masks"
        self.exported = self.path / "exported"
        self.eval = self.path / "eval"

    def __str__(self) -> str:
        return str(self.path)

    @property
    def exists(self) -> bool:
        return self.status_file.exists()

    def status(self) -> dict[str, Any]:
        """What run.json says."""
        if not self.exists:
            raise MaskwrightError(f"'{self.path}' is not a run folder: it has no run.json.")
        return read_json(self.status_file)

    def checkpoint(self, name: str = "last") -> Path:
        """The file of a checkpoint.

        Raises MaskwrightError, naming those there are, when it is not kept.
        """
        path = self.checkpoints / f"{name}.ckpt"
        if not path.exists():
            names = sorted(item.stem for item in self.checkpoints.glob("*.ckpt"))
            listed = ", ".join(names) or "none yet"
            raise MaskwrightError(f"{self} has no checkpoint '{name}'. It has: {listed}.")
        return path

    def kept_epochs(self) -> dict[int, Path]:
        """The files of the epochs whose weights were kept, by epoch."""
        return {
            int(file.stem.removeprefix("epoch_")): file
            for file in sorted(self.checkpoints.glob("epoch_*.ckpt"))
        }

    def update_status(self, **changes: Any) -> None:
        """Change some entries of run.json."""
        # Read before each write: other processes may have changed entries.
        old = self.status() if self.exists else {}
        # Whoever starts or goes on with the run is the process that can be asked for.
        if changes.get("state") == "running":
            changes["process"] = this_process()
        # The heartbeat says that somebody still writes; a run without one has died.
        write_json(self.status_file, {**old, **changes, "heartbeat": now()})

    def fail(self, error: BaseException) -> None:
        """Put down in run.json that the run ended with an error."""
        self.update_status(state="failed", ended=now(), error=f"{type(error).__name__}: {error}")

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add one row to metrics.jsonl."""
        # Not every training is wrapped in `logged`, which makes the folder.
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with self.metrics_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(_rounded(row)) + "\n")
        except OSError as error:
            raise MaskwrightError(
                f"Could not write {self.metrics_file}: {error.strerror}. Free some space and add"
                " --resume."
            ) from error

    def metrics(self) -> list[dict[str, Any]]:
        """All rows of metrics.jsonl; a half-written last line is left out."""
        if not self.metrics_file.exists():
            return []
        rows = []
        # A run that was killed may leave half a line at the end.
        for line in self.metrics_file.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def cut_metrics(self, step: int) -> None:
        """Drop rows after a step, so that a resumed run does not write the same steps twice."""
        rows = [row for row in self.metrics() if row.get("step", 0) <= step]
        write_text(self.metrics_file, "".join(f"{json.dumps(row)}\n" for row in rows))

    def clear(self) -> None:
        """Delete the folder of an earlier run; refuses a folder that no run has made."""
        # Never delete what is not ours.
        if self.path.is_dir() and any(self.path.iterdir()) and not self.exists:
            raise MaskwrightError(
                f"'{self.path}' holds files but no run, so --overwrite leaves it alone. Choose"
                " another --out."
            )
        if self.path.is_dir():
            shutil.rmtree(self.path)

    def forget_attempt(self) -> None:
        """Take away the log of an attempt that ended before there was a run.

        The next attempt finds its folder free.
        """
        names = [item.name for item in self.path.iterdir()]
        if not self.exists and names == [self.log_file.name]:
            self.log_file.unlink()
            self.path.rmdir()

    def describe(self) -> str:
        """One sentence on the state of the run."""
        status = self.status()
        if status["state"] == "finished":
            return f"{self.path} is finished"
        total = f"/{status['total_steps']:,}" if status.get("total_steps") else ""
        return f"{self.path} is {status['state']} at step {status.get('step', 0):,}{total}"


@contextmanager
def logged(folder: RunFolder) -> Iterator[None]:
    """Write what is said meanwhile to the folder's train.log too.

    An attempt that ends before there is a run leaves no folder.
    """
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaskwrightError(
            f"Cannot make the folder '{folder}': {error.strerror}. Choose another --out."
        ) from error
    # From here on the folder exists, and the log in it.
    handler = write_log_file(folder.log_file)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
        folder.forget_attempt()


def prepare_folder(folder: RunFolder, overwrite: bool) -> None:
    """Delete an earlier run where that is wanted.

    Raises MaskwrightError, naming both ways on, when the folder holds a run or anything else.
    """
    if overwrite:
        folder.clear()
    if folder.exists:
        way = "--resume goes on with it"
        if folder.status()["state"] == "finished":
            way = "it is complete, so --resume would do nothing"
        raise MaskwrightError(
            f"{folder.describe()}: {way}, --overwrite starts it again, --out NEW starts another."
        )
    if folder.path.exists() and not folder.path.is_dir():
        raise MaskwrightError(f"'{folder.path}' is a file, not a folder. Choose another --out.")
    if folder.path.exists() and any(folder.path.iterdir()):
        raise MaskwrightError(
            f"'{folder.path}' is not empty and holds no run. Choose another --out."
        )


def default_folder(data: str, model: str, policy: str, root: Path = Path("runs")) -> RunFolder:
    """runs/<data>-<model>-<policy>, numbered from 2 where finished runs of that name are.

    An unfinished one is returned itself, so that the person decides what becomes of it.
    """
    # What a person recognizes: data, model, policy.
    name = "-".join(slug(part) for part in (data, model, policy))
    # A finished run keeps its name; the next gets a number.
    number = 1
    while True:
        folder = RunFolder(root / (name if number == 1 else f"{name}-{number}"))
        is_taken = folder.path.exists() and any(folder.path.iterdir())
        is_unfinished = folder.exists and folder.status()["state"] != "finished"
        if not is_taken or is_unfinished:
            return folder
        number += 1


def slug(text: str) -> str:
    """A short name for folders: letters of any script, digits and dots, joined by underscores."""
    # NFC: the same letters are the same name on every file system.
    letters = unicodedata.normalize("NFC", text)
    return re.sub(r"[^\w.]+|_+", "_", letters).strip("_.")[:40] or "data"


def now() -> str:
    """The time in UTC, as all records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def age_seconds(stamp: str) -> float:
    """Seconds since a time that `now` wrote."""
    return time.time() - datetime.fromisoformat(stamp).timestamp()


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Six digits: more is noise, and files of long runs stay small."""
    rounded = dict(row)
    for name, value in row.items():
        if isinstance(value, float):
            rounded[name] = float(f"{value:.6g}")
    return rounded
