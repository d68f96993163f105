"""Each finding is made from evidence that was spoiled in one way, and from no other."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.conftest import draw_pictures

from maskwright.evaluation.agreement import Agreement
from maskwright.workflows.health.checkup import examine
from maskwright.workflows.health.evidence import Evidence
from maskwright.workflows.health.feature_evidence import EncoderEvidence, FeatureEvidence
from maskwright.workflows.health.filling_evidence import FillingEvidence, ShownEvidence
from maskwright.workflows.health.finding import Finding
from maskwright.workflows.health.record import RunRecord
from maskwright.workflows.health.rules import RULES
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

SETTINGS = PretrainSettings.from_flat(
    {
        "data": "photos",
        "optimizer": "muon",
        "lr": 1.13e-2,
        "batch_size": 256,
        "patch_size": 4,
        "val": "0.1",
    }
)
STATUS = {
    "state": "finished",
    "parameters": 1000,
    "pictures": 500,
    "baselines": {"patch_mean": 1.0, "bilinear": 0.8},
}
# (n, 3, 32, 32) uint8
PICTURES = torch.from_numpy(draw_pictures(60, side=32)).permute(0, 3, 1, 2).contiguous()


def rows(**changes: Any) -> list[dict[str, Any]]:
    """A healthy training of 400 steps: a loss that falls and becomes flat."""
    made = []
    for at in range(1, 41):
        row: dict[str, Any] = {
            "step": 10 * at,
            "epoch": 1 + at // 10,
            "loss": 0.6 + max(0.0, 1 - at / 20) + 0.001 * (at % 3),
            "num_visible": 16.0,
            "masked": 0.75,
            "data_wait": 0.02,
            "seconds": 2.0 * at,
            "images": 2560 * at,
            "skipped_steps": 0,
        }
        for name, value in changes.items():
            row[name] = value(at) if callable(value) else value
        made.append(row)
    return made


class Known(Evidence):
    """Evidence whose measurements are given instead of measured."""

    images = PICTURES
    sample: Any = PICTURES
    filling: Any = None
    features: Any = None


def filling(gain: float = 0.4, decibels: float = 1.0, **changes: Any) -> FillingEvidence:
    """256 pictures that come back so much better than an average patch."""
    spread = 0.05 * torch.linspace(-1, 1, 256)
    smooth = 17 + 10 * spread
    made = FillingEvidence(
        loss=1 - gain + spread,
        average=torch.ones(256),
        ratio=0.75,
        shown=ShownEvidence(smooth + decibels + spread, smooth, seams=1.1, true_seams=1.0),
    )
    return dataclasses.replace(made, **changes)


def encoder(share_found: float, rank: float) -> EncoderEvidence:
    """One that knows the other crop of so many of 256 pictures."""
    found = (torch.arange(256) < 256 * share_found).double()
    return EncoderEvidence(torch.zeros(256, 4), Agreement(found), rank, 0.3)


def features(share_found: float = 0.8, rank: float = 20.0) -> FeatureEvidence:
    return FeatureEvidence(encoder(share_found, rank), encoder(0.6, 20.0))


def evidence(
    *,
    settings: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    lines: list[dict[str, Any]] | None = None,
    broken: str = "",
    **measured: Any,
) -> Known:
    """Evidence of a healthy run, with changes."""
    record = RunRecord(
        Path("runs/one"),
        SETTINGS.with_values(**(settings or {})),
        {**STATUS, **(status or {})},
        rows() if lines is None else lines,
    )
    content = measured.pop("content", torch.arange(500))
    pictures: Any = SimpleNamespace(train=SimpleNamespace(content=content), held=object())
    made = Known(record, pictures, None, broken, 256, torch.device("cpu"))
    for name, value in {"filling": filling(), "features": features(), **measured}.items():
        object.__setattr__(made, name, value)
    return made


def named(checkup: Any) -> dict[str, str]:
    """Findings that ask for a change, by name."""
    return {
        item.name: item.level for item in checkup.findings if item.level not in ("good", "fact")
    }


GRAY = PICTURES.float().mean(1, keepdim=True).byte().expand(-1, 3, -1, -1)
NOISE = torch.randint(0, 256, (60, 3, 32, 32), generator=torch.Generator().manual_seed(0)).byte()
EMPTY = torch.full_like(PICTURES, 9)
SPOILED: dict[str, tuple[dict[str, Any], str, str]] = {
    "NaN in the weights": ({"broken": "The weights are not finite."}, "weights", "not working"),
    "a failed run": (
        {"status": {"state": "failed", "error": "NonFiniteLoss: at step 7"}},
        "end",
        "not working",
    ),
    "average patches": ({"filling": filling(gain=0.0)}, "filling in", "not yet"),
    "few steps": (
        {"filling": filling(gain=0.0), "lines": rows()[:2]},
        "filling in",
        "not yet",
    ),
    "features of random weights": ({"features": features(0.6)}, "features", "not yet"),
    "collapsed features": ({"features": features(0.8, rank=1.4)}, "collapse", "not working"),
    "a target without pictures": (
        {"filling": filling(loss=None, average=None, shown=None, not_shown="It is no picture.")},
        "pictures",
        "learned",
    ),
    "a loss that rose": (
        {"lines": rows(loss=lambda at: 0.6 + abs(at - 20) / 20)},
        "loss",
        "learned",
    ),
    "memorized pictures": (
        {"lines": rows(val_loss=lambda at: 0.7 + 0.01 * abs(at - 10))},
        "overfitting",
        "learned",
    ),
    "dropped steps": ({"lines": rows(skipped_steps=40)}, "bad steps", "learned"),
    "slow pictures": ({"lines": rows(data_wait=0.6)}, "data wait", "learned"),
    "a rate of 0": ({"settings": {"lr": 0.0}}, "learning rate", "not working"),
    "a rate 100 times too high": ({"settings": {"lr": 1.13}}, "learning rate", "learned"),
    "a high rate without warm-up": (
        {"settings": {"lr": 0.05, "warmup": 0.0}},
        "learning rate",
        "learned",
    ),
    "a rate 100 times too low": ({"settings": {"lr": 1.13e-4}}, "learning rate", "learned"),
    "a large model": ({"status": {"parameters": 10**7}}, "length", "learned"),
    "few visible patches": (
        {"lines": rows(num_visible=2.0, masked=0.97)},
        "visible patches",
        "learned",
    ),
    "empty pictures": ({"sample": EMPTY}, "empty pictures", "not working"),
    "copies": ({"content": torch.arange(500) % 40}, "repeated pictures", "learned"),
    "gray pictures": ({"sample": GRAY}, "gray pictures", "learned"),
    "fine structure": ({"sample": NOISE}, "patch size", "learned"),
}


def test_a_healthy_run_gives_no_cause_to_change_anything() -> None:
    checkup = examine(evidence())
    assert checkup.verdict == "learned"
    assert named(checkup) == {}


@pytest.mark.parametrize("name", SPOILED)
def test_what_was_spoiled_is_named_and_nothing_else(name: str) -> None:
    changes, finding, verdict = SPOILED[name]
    checkup = examine(evidence(**changes))
    assert list(named(checkup)) == [finding]
    assert checkup.verdict == verdict
    found = checkup.find(finding)
    assert found is not None
    # What to change is said, and the command that does it repeats this run.
    assert found.advice
    assert "runs/one" in found.command or "photos" in found.command


def test_every_rule_has_a_test_and_a_reason() -> None:
    tested = {finding for _, finding, _ in SPOILED.values()} | {"smooth", "seams"}
    # The rule of the smooth fill also says why there are no pictures.
    assert set(RULES) <= tested
    assert all(rule.reason for rule in RULES.values())


@pytest.mark.parametrize(("decibels", "level"), [(1.0, "good"), (-1.0, "fact"), (0.0, "fact")])
def test_the_smooth_fill_stands_beside_the_model(decibels: float, level: str) -> None:
    found = examine(evidence(filling=filling(decibels=decibels))).find("against a smooth fill")
    assert found is not None
    assert found.level == level
    assert f"{decibels:+.1f} dB" in found.text


def test_seams_are_measured_against_those_of_the_pictures() -> None:
    healthy = filling().shown
    assert healthy is not None
    shown = dataclasses.replace(healthy, seams=6.0, true_seams=2.0)
    found = examine(evidence(filling=filling(shown=shown))).find("seams")
    assert found is not None
    assert found.numbers["strength"] == 3


def test_a_loss_that_still_falls_asks_for_more_steps() -> None:
    found = examine(evidence(lines=rows(loss=lambda at: 2 - 0.03 * at))).find("loss")
    assert found is not None
    assert "still improving" in found.text
    assert "--steps 1200" in found.command


def test_an_unfinished_run_is_no_fault() -> None:
    checkup = examine(evidence(status={"state": "stopped", "total_steps": 1000}))
    found = checkup.find("end")
    assert found is not None
    assert "first 400 steps of 1,000" in found.text
    assert checkup.verdict == "learned"


def test_a_low_rate_is_what_continuing_takes() -> None:
    assert named(examine(evidence(settings={"lr": 1.13e-4, "init": "runs/zero"}))) == {}


def test_the_worst_is_read_first_and_json_has_no_nan() -> None:
    checkup = examine(evidence(settings={"lr": 0.0}, sample=NOISE))
    assert [item.level for item in checkup.findings[:3]] == ["broken", "note", "good"]
    assert checkup.to_dict()["verdict"] == "not working"
    odd = Finding(name="one", level="note", text="", numbers={"value": float("nan")})
    assert odd.to_dict()["numbers"] == {"value": None}


def test_many_steps_without_filling_in_or_features_are_broken() -> None:
    nothing = {"filling": filling(gain=0.0), "features": features(0.6)}
    assert examine(evidence(**nothing)).verdict == "not working"
    # So early a training may only not have come to it yet.
    assert examine(evidence(lines=rows()[:2], **nothing)).verdict == "not yet"


def test_nothing_is_learned_where_nothing_was_measured() -> None:
    assert examine(evidence(filling=None, features=None)).verdict == "not yet"
