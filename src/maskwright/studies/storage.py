"""Optuna's storage opened: SQLite or PostgreSQL, with heartbeats."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from maskwright.support.errors import MaskwrightError

_LOCK_SECONDS = 60


@dataclass(frozen=True)
class Pulse:
    """How often a worker says that it lives, and after how long a silence its trial is given to
    another, in seconds.
    """

    interval: int = 10
    grace: int = 60


def open_storage(url: str, pulse: Pulse, requeue: Callable[[Any, Any], None]) -> Any:
    """Open the storage; requeue: gets the study and the trial of a worker that fell silent. Raises
    MaskwrightError when there is none.
    """
    spelled = url.replace("postgresql://", "postgresql+psycopg://", 1)
    if spelled.startswith("sqlite"):
        arguments: dict[str, Any] = {"connect_args": {"timeout": _LOCK_SECONDS}}
    else:  # a server whose own encoding is SQL_ASCII would answer in bytes
        arguments = {"pool_pre_ping": True, "connect_args": {"client_encoding": "utf8"}}
    try:
        with quiet():
            return import_optuna().storages.RDBStorage(
                spelled,
                engine_kwargs=arguments,
                heartbeat_interval=pulse.interval,
                grace_period=pulse.grace,
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


@contextmanager
def quiet() -> Iterator[None]:
    """Heartbeats are marked experimental in Optuna; a user of this program cannot do anything about
    that.
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
    head, at, tail = url.rpartition("@")
    return f"{head.rsplit(':', 1)[0]}@{tail}" if at and head.count(":") > 1 else url
