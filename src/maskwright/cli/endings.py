"""What a command does with the result of its workflow; each returns the exit code."""

from __future__ import annotations

from typing import Any

from maskwright.cli.console import print_error, print_note, print_table, print_text
from maskwright.support.errors import MaskwrightError

DONE = 0
# Of the doctor: the run has not learned.
NOT_LEARNED = 1
# What shells report for a program that was stopped by Ctrl-C.
INTERRUPTED = 130


def finish(result: object) -> int:
    """The workflow has said everything itself."""
    return DONE


def stop() -> int:
    """Say that the command was interrupted."""
    print_error("interrupted.")
    return INTERRUPTED


def end_pretrain(run: Any) -> int:
    """A training that was asked to stop has kept its state and ends as interrupted."""
    return stop() if run.status["state"] == "stopped" else DONE


def end_finetune(finetuned: Any) -> int:
    """A fine-tuning without a report was asked to stop."""
    return DONE if finetuned.report else stop()


def print_result(text: str) -> int:
    """Print what the workflow found out."""
    print_text(text)
    return DONE


def print_register(register: Any) -> int:
    """Print the runs, and beside them what could not be read."""
    print_text(str(register))
    for note in register.notes:
        print_note(note)
    return DONE


def print_names(names: Any) -> int:
    """Print one table of names, or the names of the tables."""
    headings, rows = names
    if headings:
        print_table(headings, rows)
    else:
        print_text("\n".join(text for (text,) in rows))
    return DONE


def end_doctor(result: Any) -> int:
    """A run that has not learned ends with 1, for scripts; checks of the machine are printed."""
    if isinstance(result, list):
        return _print_checks(result)
    return DONE if result.verdict == "learned" else NOT_LEARNED


def _print_checks(checks: list[Any]) -> int:
    """Print the checks of this machine; raises MaskwrightError where one failed."""
    print_table(
        ("check", "result", "what it means"),
        [(check.name, check.result, check.meaning) for check in checks],
    )
    if any(check.failed for check in checks):
        raise MaskwrightError("Some checks failed; see the rows above.")
    return DONE
