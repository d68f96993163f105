"""One run as a row of a table, from its folder alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.runs.config_text import read_config
from maskwright.workflows.runs.last_rows import last_numbers
from maskwright.workflows.runs.liveness import judge_state
from maskwright.workflows.runs.run_folder import RunFolder

Cell = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """What a table says of one run; None for what the run does not have.

    run: its folder, below the folder that was asked for.
    kind: pretrain, finetune or select.
    data: as it was named.
    model: the size; of a fine-tuning or a selection, the run that it began with.
    image_size: side of the pictures in pixels.
    patch_size: side of a patch in pixels.
    policy, ratio: as they were written.
    step: the last one taken.
    total_steps: how many are planned.
    loss: of the last row.
    val_loss: on held-out pictures, the last measured.
    knn: accuracy of k-NN on held-out pictures while training, the last measured.
    knn_test: the same on test pictures, from the latest `maskwright evaluate`.
    top1: of a fine-tuning, on its test pictures.
    psnr_gain: decibels on hidden pixels above the smooth fill, measured at the end.
    minutes: spent on training.
    state: running, stopped, failed, finished, dead or silent.
    why: how the state is known, or the error.
    started: in UTC.
    seed: of the run.
    settings: every setting by its name.
    """

    run: str
    kind: str
    state: str
    why: str = ""
    data: Cell = None
    model: Cell = None
    image_size: Cell = None
    patch_size: Cell = None
    policy: Cell = None
    ratio: Cell = None
    step: Cell = None
    total_steps: Cell = None
    loss: Cell = None
    val_loss: Cell = None
    knn: Cell = None
    knn_test: Cell = None
    top1: Cell = None
    psnr_gain: Cell = None
    minutes: Cell = None
    started: Cell = None
    seed: Cell = None
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def value(self, name: str) -> Any:
        """A column, or else a setting, by its name; None where the run has none."""
        return getattr(self, name) if name in COLUMNS else self.settings.get(name)

    def to_dict(self) -> dict[str, Any]:
        """Columns by name, and the settings under `settings`."""
        return {**{name: getattr(self, name) for name in COLUMNS}, "settings": dict(self.settings)}


COLUMNS = tuple(item.name for item in fields(RunRow) if item.name != "settings")


class UnreadableRun(MaskwrightError):
    """A folder with a run.json that is no run of ours, or a damaged one."""


def read_row(path: Path, name: str) -> RunRow:
    """Read the folder of a run.

    name: what the row calls it.

    Raises UnreadableRun, in a few words, for a folder that a run of ours did not write or that is
    damaged.
    """
    folder = RunFolder(path)
    status = _read_status(folder)
    numbers = last_numbers(folder.metrics_file)
    settings = _read_settings(folder)
    state, why = judge_state(status, _last_sign(status), numbers.get("pause", 0.0))
    seconds = status.get("seconds", numbers.get("seconds"))
    return RunRow(
        run=name,
        kind=str(status.get("kind", "pretrain")),
        state=state,
        why=why or str(status.get("error") or ""),
        data=_cell(settings.get("data")),
        model=_cell(settings.get("model") or settings.get("run") or settings.get("scorer")),
        image_size=_cell(settings.get("image_size")),
        patch_size=_cell(settings.get("patch_size")),
        policy=_cell(settings.get("policy")),
        ratio=_cell(settings.get("ratio")),
        # run.json is written every few seconds, so the last row may be ahead of it.
        step=max(status.get("step", 0), numbers.get("step", 0)),
        total_steps=status.get("total_steps"),
        loss=numbers.get("loss"),
        val_loss=numbers.get("val_loss"),
        knn=numbers.get("knn_top1"),
        knn_test=_tested_knn(path),
        top1=_dig(status, "result", "top1", "value"),
        psnr_gain=_dig(status, "psnr", "gain", "value"),
        minutes=None if seconds is None else round(seconds / 60, 2),
        started=status.get("started"),
        seed=_cell(settings.get("seed", status.get("seed"))),
        settings=settings,
    )


def _read_status(folder: RunFolder) -> dict[str, Any]:
    try:
        status = json.loads(folder.status_file.read_bytes())
    except OSError as error:
        raise UnreadableRun(f"run.json cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UnreadableRun("run.json is damaged, it is no JSON") from error
    if not isinstance(status, dict) or not isinstance(status.get("state"), str):
        raise UnreadableRun("run.json is of another program, it has no state")
    # Damaged by hand: numbers that are none would break sorting.
    for name in ("step", "seconds"):
        if not isinstance(status.get(name, 0), (int, float)):
            raise UnreadableRun(f"run.json is damaged, its {name} is no number")
    return status


def _read_settings(folder: RunFolder) -> dict[str, Any]:
    """Every setting by its name; the sections of ours share none."""
    try:
        text = folder.config.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}  # a run that was killed in its first second
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableRun("config.yaml cannot be read") from error
    try:
        config = read_config(text)
    except (yaml.YAMLError, MaskwrightError) as error:
        raise UnreadableRun("config.yaml is damaged, it is no mapping of sections") from error
    settings: dict[str, Any] = {}
    for section in config.values():
        settings.update(section)
    return settings


def _last_sign(status: Mapping[str, Any]) -> float:
    """When the run wrote last, in seconds since 1970."""
    # Dates of files do not count: a folder that is copied gets new ones.
    try:
        return datetime.fromisoformat(str(status.get("heartbeat"))).timestamp()
    except ValueError:
        return 0.0  # runs of early versions have no heartbeat, and none of them runs any more


def _tested_knn(path: Path) -> float | None:
    """Accuracy of k-NN from the latest evaluation that measured it for this run."""
    for file in _newest_first(path / "eval"):
        try:
            report = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        for label, results in (_dig(report, "results") or {}).items():
            # Of several encoders side by side, the one that is this run.
            of = str(_dig(report, "runs", label) or "")
            if Path(of).name == path.name or len(report.get("runs", ())) == 1:
                value = _dig(results, "knn", "top1", "value")
                if value is not None and of:
                    return float(value)
    return None


def _newest_first(folder: Path) -> Iterator[Path]:
    """The evaluations with k-NN; their names list what was measured."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return  # nothing was evaluated yet
    files = [entry for entry in entries if "knn" in entry.name and entry.name.endswith(".json")]
    for entry in sorted(files, key=lambda entry: entry.stat().st_mtime, reverse=True):
        yield Path(entry.path)


def _dig(values: Any, *names: str) -> Any:
    """A value inside mappings; None where one of them is missing."""
    for name in names:
        if not isinstance(values, Mapping):
            return None
        values = values.get(name)
    return values


def _cell(value: Any) -> Cell:
    """A setting as a cell: a policy may be written as a mapping."""
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
