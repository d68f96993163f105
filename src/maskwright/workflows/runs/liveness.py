"""Whether a run that calls itself running still is, as far as its folder and this machine say."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Any

# A run writes every few steps and at every measurement. Nothing for so long, and for ten times the
# pause before, is no pause any more.
QUIET_SECONDS = 600.0
QUIET_PAUSES = 10.0


def this_process() -> dict[str, Any]:
    """The process that trains, as run.json keeps it: the host, and the number there."""
    return {"host": socket.gethostname(), "pid": os.getpid()}


def judge_state(status: Mapping[str, Any], last_sign: float, pause: float) -> tuple[str, str]:
    """The state of a run, and a few words on how it is known, or nothing.

    status: run.json.
    last_sign: when the run wrote last, in seconds since 1970.
    pause: seconds between its last two rows of numbers.

    States are those of run.json, `dead` for a run whose process is gone from this host, and
    `silent` for one that has not written for long and whose process cannot be asked.
    """
    state = str(status["state"])
    if state != "running":
        return state, ""
    process = status.get("process") or {}
    host = process.get("host")
    is_here = host == socket.gethostname()
    if is_here and is_alive(process.get("pid")) is False:
        return "dead", f"process {process.get('pid')} is gone"
    quiet = time.time() - last_sign
    if quiet > max(QUIET_SECONDS, QUIET_PAUSES * pause):
        where = "" if is_here or not host else f" from {host}"
        return "silent", f"nothing{where} for {format_age(quiet)}"
    return "running", ""


def is_alive(pid: Any) -> bool | None:
    """Whether a process of this machine exists; None where that cannot be asked."""
    # On Windows a signal of 0 is Ctrl-C, and no question.
    if os.name != "posix" or not isinstance(pid, int):
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it is somebody else's
    return True


def format_age(seconds: float) -> str:
    """A long time in its largest unit: 12 min, 3 h, 5 days."""
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 86_400 else f"{seconds / 86_400:.0f} days"
