"""Optuna's storage opened, SQLite or PostgreSQL, with heartbeats and searches."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import log

_LOCK_SECONDS = 60
"""How long a worker waits while another writes to SQLite."""


@dataclass(frozen=True)
class Heartbeat:
    """The heartbeat of workers, in seconds.

    interval: how often a worker says that it lives.
    grace: after how long a silence its trial is given to another.
    """

    interval: int = 10
    grace: int = 60


def open_storage(url: str, heartbeat: Heartbeat, requeue: Callable[[Any, Any], None]) -> Any:
    """Open the storage at an address.

    requeue: is called with the study and the trial of a worker that fell silent.

    Raises MaskwrightError when it cannot be opened.
    """
    # SQLAlchemy's default driver for PostgreSQL is not the one that is installed.
    address = url.replace("postgresql://", "postgresql+psycopg://", 1)
    if address.startswith("sqlite"):
        arguments: dict[str, Any] = {"connect_args": {"timeout": _LOCK_SECONDS}}
    else:
        # A server whose own encoding is SQL_ASCII would answer in bytes.
        arguments = {"pool_pre_ping": True, "connect_args": {"client_encoding": "utf8"}}
    try:
        with quiet():
            return import_optuna().storages.RDBStorage(
                address,
                engine_kwargs=arguments,
                heartbeat_interval=heartbeat.interval,
                grace_period=heartbeat.grace,
                heartbeat_stale_trial_callback=requeue,
            )
    except ImportError as error:
        raise MaskwrightError(
            f"The ledger '{_hide(url)}' needs a database driver: pip install 'maskwright[studies]'."
        ) from error
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise MaskwrightError(
            f"Could not open the ledger '{_hide(url)}': {reason}. Give --ledger"
            " postgresql://USER@HOST/DATABASE."
        ) from error


def open_search(storage: Any, name: str, seed: int) -> Any:
    """The Optuna study of a search, kept in a storage under a name of its own."""
    optuna = import_optuna()
    return optuna.create_study(
        storage=storage,
        study_name=name,
        direction="maximize",
        # Few trials at random before the sampler learns, since each is a whole training.
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=5),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1),
        load_if_exists=True,
    )


def run_search_trial(study: Any, objective: Callable[[Any], float | None]) -> None:
    """Run one trial of a search.

    An objective that returns None gave the trial up. One that fails is recorded, and the search
    goes on.
    """
    optuna = import_optuna()

    def value_of(trial: Any) -> float:
        if (value := objective(trial)) is None:
            raise optuna.TrialPruned
        return value

    with quiet():
        study.optimize(value_of, n_trials=1, catch=(RuntimeError, ArithmeticError))


@contextmanager
def keep_heartbeat(storage: Any, trial_id: int, heartbeat: Heartbeat) -> Iterator[None]:
    """Record heartbeats of a trial from a thread, as long as the block runs."""
    done = threading.Event()
    thread = threading.Thread(target=_beat, args=(storage, trial_id, heartbeat, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(storage: Any, trial_id: int, heartbeat: Heartbeat, done: threading.Event) -> None:
    # Twice per interval, so that a late one is not taken for silence.
    while not done.wait(heartbeat.interval / 2):
        try:
            storage.record_heartbeat(trial_id)
        except Exception as error:
            # A database that is away for a moment must not end hours of training; others notice
            # when the silence lasts.
            log.warning("could not reach the ledger: %s", error)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Optuna's warnings, of which users of this program cannot do anything.

    It marks heartbeats as experimental.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def import_optuna() -> Any:
    """Optuna, which says nothing but warnings; raises MaskwrightError where it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise MaskwrightError(
            "Studies keep their ledger with Optuna: pip install 'maskwright[studies]'."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _hide(url: str) -> str:
    """A database's address without the password in it."""
    # scheme://user:password@host: two colons before the @ mean that there is a password
    head, at, tail = url.rpartition("@")
    return f"{head.rsplit(':', 1)[0]}@{tail}" if at and head.count(":") > 1 else url
