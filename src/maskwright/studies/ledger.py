"""The record and the work queue of a study: Optuna's storage, SQLite beside the trials or
PostgreSQL for many machines.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.data.store.lock import exclusive
from maskwright.studies.record import TrialRecord
from maskwright.studies.storage import Pulse, import_optuna, open_storage, quiet
from maskwright.support.reporting import log

MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Claim:
    """A trial that this worker has taken: its number in the ledger, its arm and its seed."""

    trial_id: int
    arm: str
    seed: int
    attempt: int


class Ledger:
    """All trials of one study. Every (arm, seed) is there once; a trial is claimed by one worker,
    and returned when that one dies.
    """

    def __init__(
        self,
        url: str,
        study: str,
        lock: Path | None,
        pulse: Pulse,
        *,
        larger_is_better: bool = True,
    ) -> None:
        """lock: a file that makes claims one at a time, for SQLite, which does not lock rows."""
        self._optuna = import_optuna()
        self._name, self._lock, self._pulse = study, lock, pulse
        self._storage = open_storage(url, pulse, self._requeue)
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
        pulse: Pulse | None = None,
        *,
        larger_is_better: bool = True,
    ) -> Ledger:
        """The ledger of a study's folder; url: `postgresql://...` for a server that several
        machines share.
        """
        folder.mkdir(parents=True, exist_ok=True)
        place = url or f"sqlite:///{(folder / 'ledger.db').resolve()}"
        lock = folder / ".ledger.lock" if place.startswith("sqlite") else None
        return cls(place, study, lock, pulse or Pulse(), larger_is_better=larger_is_better)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *reason: object) -> None:
        """Close the connections to the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def enqueue(self, keys: Iterable[tuple[str, int]], *, retry_failed: bool = False) -> int:
        """Add every (arm, seed) that is not there yet; retry_failed: those that failed once more.
        Returns how many were added.
        """
        with self._alone():
            states = {record.key: record.state for record in self.records()}
            missing = [
                key
                for key in keys
                if key not in states or (retry_failed and states[key] == "failed")
            ]
            for arm, seed in missing:
                self._add_waiting(arm, seed, attempt=1, retry=(arm, seed) in states)
        return len(missing)

    def claim(self) -> Claim | None:
        """Take the next waiting trial, after those of workers that fell silent were returned; None
        when none waits.
        """
        self._return_lost()
        with self._alone():
            waiting = self._trials(self._optuna.trial.TrialState.WAITING)
            for trial in sorted(
                waiting, key=lambda one: (not one.user_attrs.get("begun"), one.number)
            ):
                if "arm" in trial.user_attrs and (claim := self._take(trial)) is not None:
                    return claim
        return None

    @contextmanager
    def beating(self, claim: Claim) -> Iterator[None]:
        """Say every few seconds, from a thread, that the worker of a claim lives."""
        done = threading.Event()
        thread = threading.Thread(target=self._beat, args=(claim.trial_id, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def finish(self, claim: Claim, record: TrialRecord, main: str) -> bool:
        """Put down how a trial ended; main: the metric that Optuna's own tools show. False: it was
        given to another in the meantime.
        """
        state = self._optuna.trial.TrialState
        try:
            self._storage.set_trial_user_attr(claim.trial_id, "record", record.to_dict())
            if record.state == "done":
                return bool(
                    self._storage.set_trial_state_values(
                        claim.trial_id, state.COMPLETE, [record.numbers[main]]
                    )
                )
            return bool(self._storage.set_trial_state_values(claim.trial_id, state.FAIL))
        except self._optuna.exceptions.UpdateFinishedTrialError:
            log.warning(
                "%s with seed %d was returned to the queue while it ran here; the other worker's"
                " result counts",
                *_names(claim),
            )
            return False

    def release(self, claim: Claim) -> None:
        """Give a claimed trial back, because this worker was asked to stop."""
        with self._alone():
            self._storage.set_trial_state_values(claim.trial_id, self._optuna.trial.TrialState.FAIL)
            self._add_waiting(claim.arm, claim.seed, attempt=claim.attempt, begun=True)

    def records(self) -> list[TrialRecord]:
        """One record per (arm, seed), in the order of their first appearance: done before running
        before waiting before failed.
        """
        best: dict[tuple[str, int], TrialRecord] = {}
        for trial in self._trials():
            if (record := self._record(trial)) is None:
                continue
            known = best.get(record.key)
            if known is None or _RANK[record.state] >= _RANK[known.state]:
                best[record.key] = record
        return list(best.values())

    def rebuild(self, records: Iterable[TrialRecord], main: str) -> int:
        """Start the ledger anew from records that were kept in run folders; returns how many there
        are.
        """
        direction = self._study.direction
        with self._alone():
            self._optuna.delete_study(study_name=self._name, storage=self._storage)
            self._study = self._optuna.create_study(
                storage=self._storage, study_name=self._name, direction=direction
            )
            count = 0
            for record in records:
                self._study.add_trial(self._finished(record, main))
                count += 1
        return count

    def open_search(self, seed: int) -> Any:
        """The Optuna study that a search of this study's ranges is kept in, beside its trials."""
        samplers, pruners = self._optuna.samplers, self._optuna.pruners
        return self._optuna.create_study(
            storage=self._storage,
            study_name=f"{self._name} search",
            direction="maximize",
            sampler=samplers.TPESampler(seed=seed, n_startup_trials=5),
            pruner=pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1),
            load_if_exists=True,
        )

    def run_search_trial(self, study: Any, objective: Callable[[Any], float | None]) -> None:
        """Run one trial of a search; an objective that returns None gave it up, a failing one is
        recorded and the search goes on.
        """

        def judged(trial: Any) -> float:
            if (value := objective(trial)) is None:
                raise self._optuna.TrialPruned
            return value

        with quiet():
            study.optimize(judged, n_trials=1, catch=(RuntimeError, ArithmeticError))

    def _alone(self) -> Any:
        return nullcontext() if self._lock is None else exclusive(self._lock)

    def _trials(self, *states: Any) -> Sequence[Any]:
        return self._storage.get_all_trials(
            self._study._study_id, deepcopy=False, states=states or None
        )

    def _add_waiting(
        self, arm: str, seed: int, *, attempt: int, retry: bool = False, begun: bool = False
    ) -> None:
        """begun: somebody has worked on it, so that it comes before those that nobody has."""
        about = {"arm": arm, "seed": seed, "attempt": attempt, "retry": retry, "begun": begun}
        self._study.add_trial(
            self._optuna.trial.create_trial(
                state=self._optuna.trial.TrialState.WAITING, user_attrs=about
            )
        )

    def _take(self, trial: Any) -> Claim | None:
        """Claim one waiting trial; None when another worker was quicker, or when the same trial is
        in the queue twice.
        """
        self._storage.record_heartbeat(trial._trial_id)
        try:
            if not self._storage.set_trial_state_values(
                trial._trial_id, self._optuna.trial.TrialState.RUNNING
            ):
                return None
        except (
            self._optuna.exceptions.UpdateFinishedTrialError
        ):  # another machine has claimed and ended it since it was listed
            return None
        arm, seed = trial.user_attrs["arm"], trial.user_attrs["seed"]
        if any(self._outranks(earlier, trial) for earlier in self._trials()):
            self._storage.set_trial_state_values(
                trial._trial_id, self._optuna.trial.TrialState.PRUNED
            )
            return None
        return Claim(trial._trial_id, arm, seed, trial.user_attrs["attempt"])

    def _outranks(self, earlier: Any, trial: Any) -> bool:
        """Whether an earlier entry for the same arm and seed makes this one superfluous; two
        machines may fill the queue at once.
        """
        same = all(
            earlier.user_attrs.get(name) == trial.user_attrs[name] for name in ("arm", "seed")
        )
        if not same or earlier.number >= trial.number:
            return False
        states = self._optuna.trial.TrialState
        told = (
            earlier.state == states.FAIL
            and "record" in earlier.user_attrs
            and not trial.user_attrs["retry"]
        )
        return told or earlier.state in (states.WAITING, states.RUNNING, states.COMPLETE)

    def _return_lost(self) -> None:
        with quiet():
            self._optuna.storages.fail_stale_trials(self._study)

    def _requeue(self, study: Any, lost: Any) -> None:
        """Return the trial of a worker that fell silent, or record it as failed when it has taken
        too many workers with it.
        """
        about = lost.user_attrs
        if "arm" not in about:
            return
        if about["attempt"] < MOST_ATTEMPTS:
            log.warning(
                "the worker of %s with seed %d fell silent; the trial goes back into the queue",
                about["arm"],
                about["seed"],
            )
            self._add_waiting(
                about["arm"],
                about["seed"],
                attempt=about["attempt"] + 1,
                retry=about["retry"],
                begun=True,
            )
            return
        error = (
            f"Its worker died {MOST_ATTEMPTS} times; look at the memory it takes, then"
            " --retry-failed."
        )
        record = TrialRecord(
            study=self._name, arm=about["arm"], seed=about["seed"], state="failed", error=error
        )
        study.add_trial(self._finished(record, ""))

    def _beat(self, trial_id: int, done: threading.Event) -> None:
        while not done.wait(self._pulse.interval / 2):
            try:
                self._storage.record_heartbeat(trial_id)
            except Exception as error:  # a database that is away for a moment must not end hours of training; silence is noticed by others
                log.warning("could not reach the ledger: %s", error)

    def _record(self, trial: Any) -> TrialRecord | None:
        """What an entry says; None for those that were given back, superfluous or of a search."""
        about, states = trial.user_attrs, self._optuna.trial.TrialState
        if "record" in about and trial.state.is_finished() and trial.state != states.PRUNED:
            return TrialRecord.from_dict(about["record"])
        known = {states.WAITING: "waiting", states.RUNNING: "running"}
        if "arm" not in about or trial.state not in known:
            return None
        return TrialRecord(
            study=self._name, arm=about["arm"], seed=about["seed"], state=known[trial.state]
        )

    def _finished(self, record: TrialRecord, main: str) -> Any:
        states = self._optuna.trial.TrialState
        about = {
            "arm": record.arm,
            "seed": record.seed,
            "attempt": 1,
            "retry": False,
            "record": record.to_dict(),
        }
        done = record.state == "done"
        return self._optuna.trial.create_trial(
            state=states.COMPLETE if done else states.FAIL,
            value=record.numbers[main] if done else None,
            user_attrs=about,
        )


_RANK = {"failed": 0, "waiting": 1, "running": 2, "done": 3}


def _names(claim: Claim) -> tuple[str, int]:
    return claim.arm, claim.seed
