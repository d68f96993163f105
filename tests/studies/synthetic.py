"""Study records of seeded noise, for tests alone: no number here was measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskwright.studies.record import Arm, Compute, Metric, StudyRecord, TrialRecord

EFFECTS = {"random": 0.0, "block(size=2)": 0.03, "inverse_block": -0.04, "noise(color=green)": 0.0}
METRICS = (
    Metric(name="linear top1", larger_is_better=True, where="linear probe", main=True),
    Metric(name="knn top1", larger_is_better=True, where="k-NN probe"),
    Metric(name="texture share", larger_is_better=False, where="cue conflict"),
    Metric(name="psnr random 0.75", larger_is_better=True, unit="dB", where="common masks"),
    Metric(name="psnr block(size=2) 0.75", larger_is_better=True, unit="dB", where="common masks"),
)


def synthetic_trial(arm: str, seed: int, effect: float, **changes: Any) -> TrialRecord:
    """One trial with noise that depends on arm and seed alone."""
    luck = np.random.default_rng([seed, 1]).normal(0, 0.02)
    rng = np.random.default_rng([seed, *arm.encode()])
    top1 = 0.45 + luck + effect + rng.normal(0, 0.004)
    numbers = {
        "linear top1": top1,
        "knn top1": top1 - 0.05 + rng.normal(0, 0.004),
        "psnr random 0.75": 19.4 + 5 * effect + rng.normal(0, 0.03),
        "psnr block(size=2) 0.75": 17.1 + 20 * effect + rng.normal(0, 0.03),
        **{
            f"psnr of masks by {other}": 18.0 + (other == arm) + rng.normal(0, 0.03)
            for other in EFFECTS
        },
        "texture share": 0.62 - effect + rng.normal(0, 0.004),
        "effective rank": 40 + rng.normal(0, 1),
    }
    answers = "".join(map(str, (rng.random(200) < top1).astype(int)))
    facts: dict[str, Any] = {
        "study": "made-up",
        "arm": arm,
        "seed": seed,
        "state": "done",
        "numbers": numbers,
        "per_image": {"linear top1": answers},
        "compute": Compute(
            steps=500,
            images=32000,
            encoder_tokens=544000,
            decoder_tokens=2080000,
            flops=1.2e12 * (1 + effect),
            seconds=60 + 100 * effect,
        ),
        "settings": {"policy": arm, "ratio": 0.75},
        "versions": {"maskwright": "0.1.0", "torch": "2.15.0", "python": "3.11.7"},
        "commit": "0123456789ab",
        "hardware": "CPU, 2 cores",
        "started": "2026-01-01T00:00:00+00:00",
        "ended": "2026-01-01T00:01:00+00:00",
    }
    return TrialRecord(**{**facts, **changes})


def synthetic_study(
    seeds: int = 5, trials: list[TrialRecord] | None = None, **changes: Any
) -> StudyRecord:
    """Four policies under some seeds: block is truly better, inverse block truly worse, green noise
    is not.
    """
    if trials is None:
        trials = [
            synthetic_trial(arm, seed, effect)
            for arm, effect in EFFECTS.items()
            for seed in range(seeds)
        ]
    facts: dict[str, Any] = {
        "name": "made-up",
        "question": "Does a test's made-up block policy learn better features than random masking?",
        "plan": {"name": "made-up", "data": "nowhere", "seeds": seeds},
        "arms": tuple(Arm(name=arm, settings={"policy": arm}) for arm in EFFECTS),
        "baseline": "random",
        "seeds": tuple(range(seeds)),
        "metrics": METRICS,
        "trials": tuple(trials),
        "budget": {"currency": "flops", "amount": 1.2e12},
    }
    return StudyRecord(**{**facts, **changes})
