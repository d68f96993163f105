"""The processors counted are those that this process gets, by its affinity and by the quota of its
container.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from maskwright.support import processors, variables


def write(root: Path, **files: str) -> Path:
    """Made-up files below a root; `__` in a name is a slash, `dot` a dot."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMBER = "proc__self__cgroup"


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({MEMBER: "0::/\n", "sys__fs__cgroup__cpu_dot_max": "max 100000\n"}, None),
        ({MEMBER: "0::/\n", "sys__fs__cgroup__cpu_dot_max": "150000 100000\n"}, 1.5),
        # version 2 on the machine itself: the limit is set on a group above the process's own
        (
            {
                MEMBER: "0::/slice/job/step\n",
                "sys__fs__cgroup__slice__job__cpu_dot_max": "200000 100000\n",
                "sys__fs__cgroup__slice__job__step__cpu_dot_max": "max 100000\n",
            },
            2.0,
        ),
        # version 1, the path of the process names the host's folder, which a container does not see
        (
            {
                MEMBER: "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n",
                "sys__fs__cgroup__cpu,cpuacct__cpu_dot_cfs_quota_us": "50000\n",
                "sys__fs__cgroup__cpu,cpuacct__cpu_dot_cfs_period_us": "100000\n",
            },
            0.5,
        ),
        (
            {
                MEMBER: "1:cpu:/\n0::/\n",
                "sys__fs__cgroup__cpu__cpu_dot_cfs_quota_us": "-1\n",
                "sys__fs__cgroup__cpu__cpu_dot_cfs_period_us": "100000\n",
            },
            None,
        ),
        # cpuset and cpuacct are other controllers than cpu
        (
            {
                MEMBER: "2:cpuacct:/\n3:cpuset:/\n",
                "sys__fs__cgroup__cpuacct__cpu_dot_cfs_quota_us": "100000\n",
                "sys__fs__cgroup__cpuacct__cpu_dot_cfs_period_us": "100000\n",
            },
            None,
        ),
    ],
)
def test_the_quota_is_read_in_both_versions(
    tmp_path: Path, files: dict[str, str], quota: float | None
) -> None:
    assert processors.cgroup_quota(write(tmp_path, **files)) == quota


@pytest.mark.parametrize(
    ("limit", "count"),
    [("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1), ("9900000 100000", 64)],
)
def test_a_share_of_the_processors_is_counted_as_so_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, count: int
) -> None:
    monkeypatch.setattr(processors, "affinity_count", lambda: 64)
    root = write(tmp_path, **{MEMBER: "0::/\n", "sys__fs__cgroup__cpu_dot_max": limit})
    assert processors.usable_count(root) == count


@pytest.mark.parametrize(
    ("given", "usable", "expected"),
    [
        ({}, 2, "2"),
        ({}, 64, None),
        ({"OMP_NUM_THREADS": "8"}, 2, "8"),
        ({"MKL_NUM_THREADS": "8"}, 2, None),
    ],
)
def test_torch_is_told_the_share_unless_the_user_chose(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], usable: int, expected: str | None
) -> None:
    environment = dict(given)
    monkeypatch.setattr(variables.os, "environ", environment)
    monkeypatch.setattr(variables, "usable_count", lambda: usable)
    monkeypatch.setattr(variables, "affinity_count", lambda: 64)
    variables.limit_threads()
    assert environment.get("OMP_NUM_THREADS") == expected
