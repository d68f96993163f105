"""`maskwright diagnose` asks about patches: one figure and one JSON for each test, for a run beside
random weights and raw pixels.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import maskwright

TESTS = (
    "occlusion(ratios=[0.5]), rollout(ratios=[0.5]), representation(k=3), positions,"
    " geometry(policies=[random, block], draws=20)"
)


@pytest.fixture(scope="module")
def findings(
    small_run: maskwright.Run, shared_photos: Path, tmp_path_factory: pytest.TempPathFactory
):
    out = tmp_path_factory.mktemp("asked")
    return out, maskwright.diagnose(
        small_run.path, shared_photos, tests=TESTS, out=out, device="cpu"
    )


def test_every_test_leaves_a_figure_and_a_json_with_its_control(findings) -> None:
    out, found = findings
    assert list(found) == ["occlusion", "rollout", "representation", "positions", "geometry"]
    for name in found:
        assert (out / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
        told = json.loads((out / f"{name}.json").read_text())["findings"]
        assert all(one["control"] and one["seconds"] >= 0 for one in told)


def test_columns_are_encoders_and_for_geometry_policies(findings) -> None:
    _, found = findings
    assert [one.subject for one in found["occlusion"]] == ["small", "random weights", "raw pixels"]
    assert [one.subject for one in found["geometry"]] == ["random", "block"]
