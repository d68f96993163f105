"""Records of trials and studies go to JSON and back."""

from __future__ import annotations

import pytest

from maskwright.studies.record import Arm, Compute, Metric, StudyRecord, TrialRecord
from maskwright.support.errors import MaskwrightError


def synthetic_study() -> StudyRecord:
    compute = Compute(
        steps=10,
        images=320,
        encoder_tokens=100,
        decoder_tokens=200,
        teacher_tokens=5,
        flops=1e9,
        seconds=90.0,
    )
    trial = TrialRecord(
        study="s",
        arm="random",
        seed=0,
        state="done",
        numbers={"knn": 0.5},
        per_image={"knn": "01"},
        compute=compute,
    )
    return StudyRecord(
        name="s",
        question="?",
        plan={"name": "s"},
        arms=(Arm(name="random", settings={}), Arm(name="block", settings={"policy": "block"})),
        baseline="random",
        seeds=(0, 1),
        metrics=(Metric(name="knn", larger_is_better=True),),
        trials=(trial, TrialRecord(study="s", arm="block", seed=0, state="waiting")),
        budget={"currency": "steps", "amount": 10},
    )


def test_a_study_reads_back_as_it_was_written(tmp_path):
    study = synthetic_study()
    study.save(tmp_path / "study.json")
    assert StudyRecord.load(tmp_path / "study.json") == study


def test_a_study_of_another_format_is_refused():
    with pytest.raises(MaskwrightError, match="format 99"):
        StudyRecord.from_dict({**synthetic_study().to_dict(), "format": 99})


def test_numbers_are_found_by_metric_arm_and_seed():
    study = synthetic_study()
    assert study.numbers("knn", "random") == {0: 0.5}
    assert study.numbers("knn", "block") == {}


def test_compute_is_told_in_every_currency():
    compute = synthetic_study().trials[0].compute
    assert compute is not None
    amounts = {
        currency: compute.amount(currency)
        for currency in ("steps", "images", "tokens", "flops", "minutes")
    }
    assert amounts == {"steps": 10, "images": 320, "tokens": 305, "flops": 1e9, "minutes": 1.5}
