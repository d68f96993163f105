"""The work queue of a study in Optuna's storage.

It is SQLite beside the trials, or PostgreSQL for many machines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.data.store.lock import exclusive
from maskwright.studies.ledger_entries import (
    best_records,
    ended_entry,
    entry_after_loss,
    is_trial,
    outranks,
    waiting_entry,
)
from maskwright.studies.record import TrialRecord
from maskwright.studies.storage import (
    Heartbeat,
    import_optuna,
    keep_heartbeat,
    open_search,
    open_storage,
    quiet,
)
from maskwright.support.reporting import log


@dataclass(frozen=True)
class Claim:
    """A trial that this worker has taken.

    trial_id: its number in Optuna's storage.
    attempt: 1 for the first worker that tries it.
    """

    trial_id: int
    arm: str
    seed: int
    attempt: int


class Ledger:
    """All trials of one study.

    Every (arm, seed) is there once. A trial is claimed by one worker, and returned to the queue
    when that worker dies.
    """

    def __init__(
        self,
        url: str,
        study: str,
        lock: Path | None,
        heartbeat: Heartbeat,
        *,
        larger_is_better: bool = True,
    ) -> None:
        """Open the study in its storage, or create it there.

        lock: a file that makes claims one at a time, for SQLite, which does not lock rows.
        """
        self._optuna = import_optuna()
        self._name = study
        self._lock = lock
        self._heartbeat = heartbeat
        self._storage = open_storage(url, heartbeat, self._requeue)
        # Optuna's dashboard and its own tools go by the direction; verdicts do not.
        direction = "maximize" if larger_is_better else "minimize"
        self._study = self._optuna.create_study(
            storage=self._storage, study_name=study, direction=direction, load_if_exists=True
        )

    @classmethod
    def open(
        cls,
        folder: Path,
        study: str,
        url: str | None = None,
        heartbeat: Heartbeat | None = None,
        *,
        larger_is_better: bool = True,
    ) -> Ledger:
        """The ledger of a study's folder.

        url: `postgresql://...` for a server that several machines share.
        """
        # SQLite creates its file, but not the folder around it.
        folder.mkdir(parents=True, exist_ok=True)
        address = url or f"sqlite:///{(folder / 'ledger.db').resolve()}"
        lock = folder / ".ledger.lock" if address.startswith("sqlite") else None
        return cls(
            address, study, lock, heartbeat or Heartbeat(), larger_is_better=larger_is_better
        )

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *reason: object) -> None:
        """Close the connections to the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def enqueue(self, keys: Iterable[tuple[str, int]], *, retry_failed: bool = False) -> int:
        """Add every (arm, seed) that is not there yet, and return how many were added.

        retry_failed: also add those that failed once more.
        """
        with self._alone():
            # Looked up under the lock, so that two starters do not add the same trial.
            states = {record.key: record.state for record in self.records()}
            again = ("failed",) if retry_failed else ()
            missing = [key for key in keys if key not in states or states[key] in again]
            for arm, seed in missing:
                entry = waiting_entry(arm, seed, attempt=1, retry=(arm, seed) in states)
                self._study.add_trial(entry)
        return len(missing)

    def claim(self) -> Claim | None:
        """Take the next waiting trial; None when none waits.

        Trials of workers that fell silent are returned to the queue first.
        """
        self._return_lost()
        with self._alone():
            waiting = self._trials(self._optuna.trial.TrialState.WAITING)
            # Trials that somebody has begun go first: their checkpoints are on disk.
            waiting = sorted(
                waiting, key=lambda trial: (not trial.user_attrs.get("begun"), trial.number)
            )
            for trial in filter(is_trial, waiting):
                if (claim := self._take(trial)) is not None:
                    return claim
        return None

    def beating(self, claim: Claim) -> AbstractContextManager[None]:
        """Say every few seconds, from a thread, that the worker of a claim lives."""
        return keep_heartbeat(self._storage, claim.trial_id, self._heartbeat)

    def finish(self, claim: Claim, record: TrialRecord, main: str) -> bool:
        """Put down how a trial ended; main: the metric that Optuna's own tools show.

        Returns False when the trial was given to another worker in the meantime.
        """
        states = self._optuna.trial.TrialState
        is_done = record.state == "done"
        state = states.COMPLETE if is_done else states.FAIL
        values = [record.numbers[main]] if is_done else None
        try:
            # The record first: an entry that has ended cannot be written to any more.
            self._storage.set_trial_user_attr(claim.trial_id, "record", record.to_dict())
            return bool(self._storage.set_trial_state_values(claim.trial_id, state, values))
        except self._optuna.exceptions.UpdateFinishedTrialError:
            log.warning(
                "%s with seed %d was returned to the queue while it ran here; the other worker's"
                " result counts",
                claim.arm,
                claim.seed,
            )
            return False

    def release(self, claim: Claim) -> None:
        """Give a claimed trial back, because this worker was asked to stop."""
        with self._alone():
            self._storage.set_trial_state_values(claim.trial_id, self._optuna.trial.TrialState.FAIL)
            # The same attempt: this worker did not die of the trial.
            entry = waiting_entry(claim.arm, claim.seed, attempt=claim.attempt, begun=True)
            self._study.add_trial(entry)

    def records(self) -> list[TrialRecord]:
        """One record per (arm, seed), in the order of their first appearance."""
        return best_records(self._name, self._trials())

    def rebuild(self, records: Iterable[TrialRecord], main: str) -> int:
        """Start the ledger anew from records kept in run folders; returns how many there are."""
        # Optuna cannot empty a study, so it is made again under the same name.
        direction = self._study.direction
        with self._alone():
            self._optuna.delete_study(study_name=self._name, storage=self._storage)
            self._study = self._optuna.create_study(
                storage=self._storage, study_name=self._name, direction=direction
            )
            count = 0
            for record in records:
                self._study.add_trial(ended_entry(record, main))
                count += 1
        return count

    def open_search(self, seed: int) -> Any:
        """The Optuna study that a search of this study's ranges is kept in, beside its trials."""
        return open_search(self._storage, f"{self._name} search", seed)

    def _alone(self) -> AbstractContextManager[None]:
        """One worker at a time, where the database does not see to that itself."""
        return nullcontext() if self._lock is None else exclusive(self._lock)

    def _trials(self, *states: Any) -> Sequence[Any]:
        # Not copied: nothing here changes them, and a study may have thousands.
        return self._storage.get_all_trials(
            self._study._study_id, deepcopy=False, states=states or None
        )

    def _take(self, trial: Any) -> Claim | None:
        """Claim one waiting trial.

        None when another worker was quicker, or when the same trial is in the queue twice.
        """
        states = self._optuna.trial.TrialState
        # A heartbeat before the claim: Optuna never returns a running trial that has none.
        self._storage.record_heartbeat(trial._trial_id)
        try:
            if not self._storage.set_trial_state_values(trial._trial_id, states.RUNNING):
                return None
        except self._optuna.exceptions.UpdateFinishedTrialError:
            # Another machine has claimed and ended it since it was listed.
            return None
        # Two machines may have queued the same arm and seed: only the first one runs.
        if any(outranks(earlier, trial) for earlier in self._trials()):
            self._storage.set_trial_state_values(trial._trial_id, states.PRUNED)
            return None
        about = trial.user_attrs
        return Claim(trial._trial_id, about["arm"], about["seed"], about["attempt"])

    def _return_lost(self) -> None:
        """Let Optuna look for silent workers; it calls `_requeue` for each of their trials."""
        with quiet():
            self._optuna.storages.fail_stale_trials(self._study)

    def _requeue(self, study: Any, lost: Any) -> None:
        """Return the trial of a silent worker to the queue."""
        if is_trial(lost):
            study.add_trial(entry_after_loss(self._name, lost))
