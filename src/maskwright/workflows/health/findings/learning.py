"""Findings about what the model can do: fill in, and tell pictures apart."""

from __future__ import annotations

from collections.abc import Iterator

from maskwright.evaluation.metrics import Interval, bootstrap_interval
from maskwright.support.plurals import count_of
from maskwright.workflows.health.evidence import Evidence
from maskwright.workflows.health.feature_evidence import FeatureEvidence
from maskwright.workflows.health.finding import Finding

# After so many steps a training whose features are no better than random either is broken. Before,
# or where features are ahead, filling in only has not come to it yet.
ENOUGH_STEPS = 150


def find_broken_weights(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """A checkpoint that cannot be used."""
    if evidence.broken_weights:
        record = evidence.record
        yield Finding(
            name="weights",
            level="broken",
            text=evidence.broken_weights,
            advice="Start again, with a third of the learning rate where the training diverged.",
            command=record.repeat(f"--lr {record.lower_rate()}"),
        )


def find_filling(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Whether masked patches come back better than the average visible patch."""
    filling = evidence.filling
    # A target that another network computes is not known from the checkpoint; features decide.
    if filling is None or filling.loss is None or filling.average is None:
        return
    record = evidence.record
    gain = bootstrap_interval(filling.average - filling.loss)
    share = float(1 - filling.loss.mean() / filling.average.mean().clamp_min(1e-12))
    numbers = {"gain": gain.to_dict(), "explained": share, "masked": filling.ratio}
    where = f"of {evidence.held_out} with {filling.ratio:.0%} masked"
    if gain.low > 0 and share > limit:
        yield Finding(
            name="filling in",
            level="good",
            text=f"masked patches come back with {share:.0%} less error than an average patch would"
            f" have, {where}.",
            numbers=numbers,
        )
        return
    is_late = record.num_steps >= ENOUGH_STEPS and not _is_above_random(evidence)
    beside = f"{share:.0%} less" if share > 0 else f"{-share:.0%} more"
    advice = (
        "What is predicted seems to have nothing to do with what is visible: look at"
        f" {record.path / 'samples'}, and mend the findings beside this."
    )
    yield Finding(
        name="filling in",
        level="broken" if is_late else "early",
        text=f"after {count_of(record.num_steps, 'step')} masked patches come back no better than"
        f" an average patch would be: {beside} error, {where}.",
        advice=advice if is_late else "Train longer.",
        command=record.repeat("--steps 1000"),
        numbers=numbers,
    )


def _is_above_random(evidence: Evidence) -> bool:
    """Whether features are better than those of random weights, whatever filling in says."""
    features = evidence.features
    return features is not None and (
        features.trained.agreement.above(features.untrained.agreement).low > 0
    )


def find_smooth(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """PSNR beside the smooth fill, paired picture by picture; or why there are no pictures."""
    filling, record = evidence.filling, evidence.record
    if filling is None:
        return
    target = record.settings.model.target
    if filling.shown is None:
        yield Finding(
            name="pictures",
            level="note",
            text=f"the target '{target}' cannot be shown as pictures: {filling.not_shown}",
            advice="For pictures train with pixels as the target.",
            command=record.repeat("--target raw"),
        )
        return
    gap = bootstrap_interval(filling.shown.psnr - filling.shown.smooth)
    ours, smooth = float(filling.shown.psnr.mean()), float(filling.shown.smooth.mean())
    text = (
        f"{ours:.1f} dB where a smooth fill reaches {smooth:.1f}:"
        f" {_format_gap(gap)}, on {evidence.held_out}."
    )
    numbers = {"psnr": ours, "smooth": smooth, "gap": gap.to_dict()}
    if gap.low > limit:
        yield Finding(name="against a smooth fill", level="good", text=text, numbers=numbers)
        return
    is_normalized = target == "normalized"
    advice = "Brightness and contrast of a masked patch are guessed here: --target raw learns them."
    yield Finding(
        name="against a smooth fill",
        level="fact",
        text=text,
        advice=advice if is_normalized else "Longer trainings and smaller patches fill in better.",
        command=record.repeat("--target raw") if is_normalized else "",
        numbers=numbers,
    )


def _format_gap(gap: Interval) -> str:
    return f"{gap.value:+.1f} dB [{gap.low:+.1f}, {gap.high:+.1f}]"


def find_features(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """How often the other crop of a picture is found among all, beside random weights."""
    features = evidence.features
    if features is None:
        return
    trained, untrained = features.trained.agreement, features.untrained.agreement
    gap = trained.above(untrained)
    own, random = trained.interval(), untrained.interval()
    numbers = {
        "trained": own.to_dict(),
        "random_weights": random.to_dict(),
        "gap": gap.to_dict(),
        "chance": trained.chance,
        **_shapes(features),
    }
    text = (
        f"the other crop of a picture is found among {evidence.held_out} for {own.value:.0%};"
        f" random weights find {random.value:.0%}"
        f" ({100 * gap.value:+.0f} points [{100 * gap.low:+.0f}, {100 * gap.high:+.0f}])."
    )
    is_better = gap.low > limit
    # Two crops can look unlike each other while classes lie apart, as those of solar cells do.
    advice = (
        "Train longer. This asks without labels; where you have some, `maskwright evaluate` may"
        " find a gain that this does not."
    )
    yield Finding(
        name="features",
        level="good" if is_better else "early",
        text=text,
        advice="" if is_better else advice,
        command="" if is_better else evidence.record.repeat("--steps 2000"),
        numbers=numbers,
    )


def find_collapse(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Features that are nearly the same for all pictures."""
    features = evidence.features
    if features is None:
        return
    rank, random = features.trained.effective_rank, features.untrained.effective_rank
    if rank < limit * random:
        yield Finding(
            name="collapse",
            level="broken",
            text=f"features vary along {rank:.1f} directions, those of random weights along"
            f" {random:.1f}: all pictures look alike to the encoder.",
            advice="A lower learning rate, and pixels as the target, keep pictures apart.",
            command=evidence.record.repeat(
                f"--lr {evidence.record.lower_rate()}", "--target normalized"
            ),
            numbers=_shapes(features),
        )


def _shapes(features: FeatureEvidence) -> dict[str, float]:
    return {
        "effective_rank": features.trained.effective_rank,
        "effective_rank_random_weights": features.untrained.effective_rank,
    }


def find_seams(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Patch borders that show in what is filled in."""
    filling = evidence.filling
    if filling is None or filling.shown is None:
        return
    shown = filling.shown
    strength = shown.seams / shown.true_seams
    # NaN, where no two masked patches touch, says nothing.
    if strength > limit:
        is_normalized = evidence.record.settings.model.target == "normalized"
        yield Finding(
            name="seams",
            level="fact",
            text=f"patch borders show: steps across them are {strength:.1f} times as large, beside"
            " those inside patches, as in the pictures themselves.",
            advice="A raw target has weaker seams." if is_normalized else "Train longer.",
            command=evidence.record.repeat("--target raw") if is_normalized else "",
            numbers={"strength": strength},
        )
