"""Entries of the ledger: what a trial of Optuna's storage means, and how one is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from maskwright.studies.record import TrialRecord
from maskwright.studies.storage import import_optuna
from maskwright.support.reporting import log

# Which of several entries for one arm and seed counts: the highest.
_RANK = {"failed": 0, "waiting": 1, "running": 2, "done": 3}
MOST_ATTEMPTS = 3
"""A trial that has taken so many workers with it is given up; memory is the usual reason."""


def is_trial(entry: Any) -> bool:
    """Whether an entry is a trial of the study; a search keeps its own in the same storage."""
    return "arm" in entry.user_attrs


def waiting_entry(
    arm: str, seed: int, *, attempt: int, retry: bool = False, begun: bool = False
) -> Any:
    """An entry that a worker may claim.

    attempt: counts from 1; workers that died have used up those before.
    retry: whether it repeats a trial that failed.
    begun: whether somebody has worked on it, so that it comes before those that nobody has.
    """
    trial = import_optuna().trial
    about = {"arm": arm, "seed": seed, "attempt": attempt, "retry": retry, "begun": begun}
    return trial.create_trial(state=trial.TrialState.WAITING, user_attrs=about)


def ended_entry(record: TrialRecord, main: str) -> Any:
    """An entry for a trial that has ended; main: the metric that Optuna's own tools show."""
    trial = import_optuna().trial
    about = {
        "arm": record.arm,
        "seed": record.seed,
        "attempt": 1,
        "retry": False,
        "record": record.to_dict(),
    }
    # Optuna wants a value of what is complete, and none of what failed.
    is_done = record.state == "done"
    return trial.create_trial(
        state=trial.TrialState.COMPLETE if is_done else trial.TrialState.FAIL,
        value=record.numbers[main] if is_done else None,
        user_attrs=about,
    )


def read_entry(study: str, entry: Any) -> TrialRecord | None:
    """What an entry says; None for those that were given back, superfluous or of a search."""
    about = entry.user_attrs
    states = import_optuna().trial.TrialState
    # Superfluous entries are marked as pruned, so whatever they carry does not count.
    if "record" in about and entry.state.is_finished() and entry.state != states.PRUNED:
        return TrialRecord.from_dict(about["record"])
    open_states = {states.WAITING: "waiting", states.RUNNING: "running"}
    if not is_trial(entry) or entry.state not in open_states:
        return None
    # Nothing is known yet but whose turn it is.
    return TrialRecord(
        study=study, arm=about["arm"], seed=about["seed"], state=open_states[entry.state]
    )


def best_records(study: str, trials: Iterable[Any]) -> list[TrialRecord]:
    """One record per (arm, seed) of many entries, in the order of their first appearance.

    Of several entries the best counts: done before running before waiting before failed.
    """
    best: dict[tuple[str, int], TrialRecord] = {}
    for trial in trials:
        if (record := read_entry(study, trial)) is None:
            continue
        # Of equals the later one, which knows more.
        known = best.get(record.key)
        if known is None or _RANK[record.state] >= _RANK[known.state]:
            best[record.key] = record
    return list(best.values())


def outranks(earlier: Any, entry: Any) -> bool:
    """Whether an earlier entry for the same arm and seed makes this one superfluous.

    Two machines may fill the queue at once, so that an arm and a seed stand in it twice.
    """
    about = entry.user_attrs
    attributes = earlier.user_attrs
    is_same = all(attributes.get(name) == about[name] for name in ("arm", "seed"))
    if not is_same or earlier.number >= entry.number:
        return False
    states = import_optuna().trial.TrialState
    if earlier.state in (states.WAITING, states.RUNNING, states.COMPLETE):
        return True
    # A failure without a record is a lost worker: its trial is to be run again.
    return earlier.state == states.FAIL and "record" in attributes and not about["retry"]


def entry_after_loss(study: str, lost: Any) -> Any:
    """The entry that follows on one whose worker fell silent.

    It waits for another worker, or is a failure after too many attempts.
    """
    about = lost.user_attrs
    arm = about["arm"]
    seed = about["seed"]
    attempt = about["attempt"]
    if attempt < MOST_ATTEMPTS:
        log.warning(
            "the worker of %s with seed %d fell silent; the trial goes back into the queue",
            arm,
            seed,
        )
        return waiting_entry(arm, seed, attempt=attempt + 1, retry=about["retry"], begun=True)
    error = (
        f"Its worker died {MOST_ATTEMPTS} times; look at the memory it takes, then --retry-failed."
    )
    record = TrialRecord(study=study, arm=arm, seed=seed, state="failed", error=error)
    # A failure has no number, so no metric is named.
    return ended_entry(record, "")
