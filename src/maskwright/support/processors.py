"""How many processors this process may use, by its scheduler and its container. Free of torch."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_ROOT = Path("/")


def usable_count(root: Path = _ROOT) -> int:
    """Processors that this process may keep busy.

    A container with `--cpus=2` sees all 64 processors of its machine and gets the time of two. A
    quota of one and a half counts as two, as Java and joblib have it.

    root: where `proc` and `sys` lie.
    """
    quota = cgroup_quota(root)
    allowed = affinity_count()
    if quota is None:
        return allowed
    return max(1, min(allowed, math.ceil(quota)))


def affinity_count() -> int:
    """Processors that the scheduler may put this process on."""
    if hasattr(os, "sched_getaffinity"):  # Linux; macOS and Windows have no such call
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cgroup_quota(root: Path = _ROOT) -> float | None:
    """The fewest processors that a control group grants this process; None without a limit.

    Both versions are read, and every group from the process's own upwards, because a limit holds
    for all that is below it. Source: docs.kernel.org, admin-guide/cgroup-v2.rst (cpu.max) and
    scheduler/sched-bwc.rst (cpu.cfs_quota_us).
    """
    shares = [_share(folder) for folder in _groups(root)]
    return min((share for share in shares if share is not None), default=None)


def _groups(root: Path) -> Iterator[Path]:
    """The folders of this process's groups that can limit processors, the innermost first."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # not Linux
        return
    mounts = root / "sys/fs/cgroup"
    for line in lines:  # "0::/path" in version 2, "4:cpu,cpuacct:/path" in version 1
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = mounts / controllers
        # inside a container the path may be the host's, which is not there; the group's own files
        # then lie at the mount
        inner = PurePosixPath(path.lstrip("/"))
        for part in (inner, *inner.parents):
            yield mount / part


def _share(group: Path) -> float | None:
    """Quota over period of one group, None when it sets none or lies elsewhere."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text()
            period = (group / "cpu.cfs_period_us").read_text()
        microseconds = -1 if quota == "max" else int(quota)
        return microseconds / int(period) if microseconds > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
