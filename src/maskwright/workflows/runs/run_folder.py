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

STATES = ("running", "stopped", "failed", "finished")


class RunFolder:
    """Paths of one run; the files are the truth, this only knows their names."""

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
        """The file of a checkpoint; raises MaskwrightError, naming those there are, when it is not
        kept.
        """
        path = self.checkpoints / f"{name}.ckpt"
        if not path.exists():
            kept = (
                ", ".join(sorted(item.stem for item in self.checkpoints.glob("*.ckpt")))
                or "none yet"
            )
            raise MaskwrightError(f"{self} has no checkpoint '{name}'. It has: {kept}.")
        return path

    def update_status(self, **changes: Any) -> None:
        """Change some entries of run.json."""
        old = self.status() if self.exists else {}
        write_json(
            self.status_file,
            {**old, **changes, "heartbeat": datetime.now(UTC).isoformat(timespec="seconds")},
        )

    def fail(self, error: BaseException) -> None:
        """Put down in run.json that the run ended with an error."""
        self.update_status(state="failed", ended=now(), error=f"{type(error).__name__}: {error}")

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add one row to metrics.jsonl."""
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
        for line in self.metrics_file.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def cut_metrics(self, step: int) -> None:
        """Drop rows after a step, so that a resumed run does not tell the same steps twice."""
        kept = [json.dumps(row) for row in self.metrics() if row.get("step", 0) <= step]
        write_text(self.metrics_file, "".join(f"{line}\n" for line in kept))

    def clear(self) -> None:
        """Delete the folder of an earlier run; refuses a folder that no run has made."""
        if self.path.is_dir() and any(self.path.iterdir()) and not self.exists:
            raise MaskwrightError(
                f"'{self.path}' holds files but no run, so --overwrite leaves it alone. Choose"
                " another --out."
            )
        if self.path.is_dir():
            shutil.rmtree(self.path)

    def forget_attempt(self) -> None:
        """Take away the log of an attempt that ended before there was a run, so that the next one
        finds its place free.
        """
        if not self.exists and [item.name for item in self.path.iterdir()] == [self.log_file.name]:
            self.log_file.unlink()
            self.path.rmdir()

    def describe(self) -> str:
        """One sentence on the state of the run."""
        status = self.status()
        total = f"/{status['total_steps']:,}" if status.get("total_steps") else ""
        reached = f"at step {status.get('step', 0):,}{total}"
        return f"{self.path} is {status['state']}" + (
            "" if status["state"] == "finished" else f" {reached}"
        )


@contextmanager
def logged(folder: RunFolder) -> Iterator[None]:
    """Write what is said meanwhile to the folder's train.log too; an attempt that ends before there
    is a run leaves no folder.
    """
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaskwrightError(
            f"Cannot make the folder '{folder}': {error.strerror}. Choose another --out."
        ) from error
    handler = write_log_file(folder.log_file)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
        folder.forget_attempt()


def make_way(folder: RunFolder, overwrite: bool) -> None:
    """Delete an earlier run where that is wanted, else stop when a folder already holds one, naming
    both ways on.
    """
    if overwrite:
        folder.clear()
    if folder.exists:
        state = folder.status()["state"]
        way = (
            "--resume goes on with it"
            if state != "finished"
            else "it is complete, so --resume would do nothing"
        )
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
    """runs/<data>-<model>-<policy>, numbered from 2 where finished runs of that name are; an
    unfinished one is returned itself.
    """
    name = "-".join(slug(part) for part in (data, model, policy))
    number = 1
    while True:
        folder = RunFolder(root / (name if number == 1 else f"{name}-{number}"))
        taken = folder.path.exists() and any(folder.path.iterdir())
        if not taken or (folder.exists and folder.status()["state"] != "finished"):
            return folder
        number += 1


def slug(text: str) -> str:
    """A short name for folders: letters of any script, digits and dots, words joined by
    underscores.
    """
    return re.sub(r"[^\w.]+|_+", "_", unicodedata.normalize("NFC", text)).strip("_.")[:40] or "data"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def age_seconds(stamp: str) -> float:
    """Seconds since a time that `now` wrote."""
    return time.time() - datetime.fromisoformat(stamp).timestamp()


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: float(f"{value:.6g}") if isinstance(value, float) else value
        for name, value in row.items()
    }
