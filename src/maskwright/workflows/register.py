"""The register of runs: every run below a folder as a row, read from the run folders alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import lines_html
from maskwright.workflows.runs.find_runs import find_runs
from maskwright.workflows.runs.row_filter import check_names, parse_condition, sort_rows
from maskwright.workflows.runs.row_table import (
    format_csv,
    format_differences,
    format_json,
    format_rows,
    format_summary,
)
from maskwright.workflows.runs.run_row import RunRow, UnreadableRun, read_row
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.runs_settings import RunsSettings

# Folders that are named; the others are counted.
MOST_NAMED = 5


@dataclass(frozen=True)
class Register:
    """The runs below a folder; iterate over it for the rows.

    rows: those that fit, in the order that was asked for.
    total: how many runs there are, fitting or not.
    unread: folders that hold something else or are damaged, with the reason.
    settings: how it was asked.
    """

    rows: tuple[RunRow, ...]
    total: int
    unread: dict[str, str]
    settings: RunsSettings

    def __iter__(self) -> Iterator[RunRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        """The runs in the form that was asked for."""
        if self.settings.format == "csv":
            return format_csv(self.rows, self.settings.diff)
        if self.settings.format == "json":
            return format_json(self.rows)
        if not self.rows:
            return f"None of the {self.total:,} runs fits: {' and '.join(self.settings.where)}."
        lines = format_differences(self.rows) if self.settings.diff else format_rows(self.rows)
        return "\n".join([*lines, "", format_summary(self.rows, self.total)])

    def _repr_html_(self) -> str:
        """The same lines, for notebooks."""
        return lines_html(str(self).splitlines())

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on the folders that could not be read, if there are any."""
        if not self.unread:
            return ()
        named = [f"{name} ({why})" for name, why in list(self.unread.items())[:MOST_NAMED]]
        more = len(self.unread) - MOST_NAMED
        rest = f" and {more:,} more" if more > 0 else ""
        noun = "folder is" if len(self.unread) == 1 else "folders are"
        return (f"{len(self.unread):,} {noun} left out: {'; '.join(named)}{rest}.",)


@takes(RunsSettings, "folder")
def list_runs(settings: RunsSettings) -> Register:
    """List every run of pretraining, fine-tuning and selection below a folder.

    Nothing but the run folders is read, and torch is not imported. Raises MaskwrightError for a
    folder without runs, and for a condition or a column that no run has.
    """
    conditions = [parse_condition(text) for text in settings.where]
    unread: dict[str, str] = {}
    rows = _read_all(Path(settings.folder), unread)
    if not rows:
        raise MaskwrightError(_nothing_found(settings.folder, unread))
    check_names([settings.sort, *(condition.name for condition in conditions)], rows)
    kept = rows
    for condition in conditions:
        kept = [row for row in kept if condition.holds(row)]
    ordered = sort_rows(kept, settings.sort, settings.reverse)[: settings.limit]
    return Register(tuple(ordered), len(rows), unread, settings)


def _read_all(root: Path, unread: dict[str, str]) -> list[RunRow]:
    """The rows of all runs; what is no run of ours goes to `unread`."""
    if not root.is_dir():
        raise MaskwrightError(
            f"There is no folder '{root}'. Name the folder that your runs are in, such as:"
            " maskwright runs ."
        )
    refused: list[Path] = []
    rows: list[RunRow] = []
    for path in find_runs(root, refused):
        # The folder that was asked for may be a run itself, which has a name too.
        name = path.relative_to(root).as_posix() if path != root else path.resolve().name
        try:
            rows.append(read_row(path, name))
        except UnreadableRun as error:
            unread[name] = str(error)
    for path in refused:
        unread[str(path)] = "it may not be read"
    return rows


def _nothing_found(folder: str, unread: dict[str, str]) -> str:
    text = f"There is no run below '{folder}': no folder in it has a run.json of ours."
    if unread:
        name, why = next(iter(unread.items()))
        text += f" {len(unread):,} could not be read, for example {name} ({why})."
    return f"{text} maskwright pretrain makes one."
