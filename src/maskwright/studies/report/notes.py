"""What to know before believing a report's answer: what is missing, what verdicts are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from maskwright.studies.budget import Budget
from maskwright.studies.findings import Finding
from maskwright.studies.metrics import PSNR
from maskwright.studies.record import StudyRecord, TrialRecord
from maskwright.studies.report.words import join_names
from maskwright.studies.samples import FEWEST_SEEDS


def notes_of(record: StudyRecord, findings: Sequence[Finding]) -> list[str]:
    """What must be known before believing the answer."""
    notes = [
        *_missing_notes(record),
        *_compute_notes(record),
        *_standing_notes(findings),
        *_measured_on(record),
    ]
    # Learning curves show losses side by side, which invites a comparison.
    losses = {str(trial.settings.get("loss")) for trial in record.finished()} - {"None"}
    if len(losses) > 1:
        notes.append(
            "Arms differ in their loss, so losses in the learning curves do not compare between all"
            " arms."
        )
    return notes


def _missing_notes(record: StudyRecord) -> list[str]:
    """Trials, arms and seeds that the answer lacks."""
    notes = []
    done = len(record.finished())
    total = len(record.arms) * len(record.seeds)
    if done < total:
        notes.append(f"{done} of {total} trials are done; the rest are listed below.")
    if silent := record.silent():
        pronoun = "it" if len(silent) == 1 else "them"
        notes.append(
            f"Without a finished trial, so nothing is known of {pronoun}: {join_names(silent)}."
        )
    if len(record.seeds) < FEWEST_SEEDS:
        notes.append(f"Fewer than {FEWEST_SEEDS} seeds: no intervals and no verdicts.")
    return notes


def _compute_notes(record: StudyRecord) -> list[str]:
    """Whether arms had the same compute and the same learning rate."""
    notes = []
    deviation = budget_deviation(record)
    if record.budget is None:
        notes.append("No compute was matched: arms may have spent different amounts.")
    elif deviation is not None:
        matched = Budget(record.budget["currency"], float(record.budget["amount"]))
        notes.append(
            f"Matched compute: {matched} per trial; trials are off by {deviation:.1%} at most."
        )
    # Of an arm's seeds the last one counts; all have the same rate.
    rates = {
        trial.arm: float(trial.settings["lr"])
        for trial in record.finished()
        if trial.settings.get("lr") is not None
    }
    if rates:
        notes.append(rate_words(rates))
    return notes


def rate_words(rates: Mapping[str, float]) -> str:
    """Whether arms were trained at one learning rate."""
    if len(set(rates.values())) == 1:
        return f"All arms have the same learning rate, {next(iter(rates.values())):g}."
    listed = join_names([f"{arm} {rate:g}" for arm, rate in rates.items()])
    return (
        f"Arms differ in learning rate: {listed}. Unless that is the question, a difference may be"
        " the rate's; `lr` in the plan's base, or --lr, fixes one for all."
    )


def _standing_notes(findings: Sequence[Finding]) -> list[str]:
    """What verdicts are worth."""
    notes = []
    # Many metrics are many chances to find something.
    main = [finding.metric.name for finding in findings if finding.is_claim]
    if main and (others := len(findings) - 1):
        rest = "other one is" if others == 1 else f"other {others} are"
        notes.append(
            f"The main metric of the plan is {main[0]}, and only verdicts on it are claims. The"
            f" {rest} exploratory: p values are corrected over the arms of one metric,"
            " not over metrics, so some of their differences are chance."
        )
    if any(finding.effects for finding in findings):
        notes.append(
            "Effects of settings and comparisons of single arms are two families of tests; each is"
            " corrected by itself."
        )
    # Seeds are one source of chance, the choice of test pictures is another.
    arms = [arm for finding in findings for arm in finding.arms]
    if any(arm.difference for arm in arms):
        if any(arm.over_pictures for arm in arms):
            reach = (
                'How far another draw of pictures could move a difference is under "over test'
                ' pictures", where answers were kept picture by picture.'
            )
        else:
            reach = (
                "No answers were kept picture by picture, so how far another set could move a"
                " difference is not known."
            )
        notes.append(
            f"Verdicts are over seeds on one set of test pictures, taken as it is. {reach}"
        )
    return notes


def _measured_on(record: StudyRecord) -> list[str]:
    """How many test pictures stand behind a probe, and what masks are worth on several grids."""
    notes = []
    done = record.finished()
    # Probes that were tested on as many pictures share a sentence.
    counts = {}
    for name in _probes(done):
        lengths = {len(trial.per_image[name]) for trial in done if name in trial.per_image}
        counts[name] = tuple(sorted(lengths))
    for sizes in sorted(set(counts.values())):
        names = [name for name, count in counts.items() if count == sizes]
        notes.append(
            f"{' and '.join(names)}: shares of right answers on"
            f" {' or '.join(f'{size:,}' for size in sizes)} test pictures."
        )
    # The same share of a coarser grid is made of larger holes.
    grids = {
        (str(trial.settings.get("image_size")), trial.settings.get("patch_size"))
        for trial in done
        if trial.settings
    }
    if len(grids) > 1 and any(PSNR.masks_of(metric.name) for metric in record.metrics):
        listed = ", ".join(f"{patch} of {size}" for size, patch in sorted(grids, key=str))
        notes.append(
            f"Arms cut pictures into patches of other sizes ({listed} pixels), and larger patches"
            " make larger holes of the same share: PSNR under common masks compares arms of one"
            " grid only."
        )
    return notes


def _probes(trials: Sequence[TrialRecord]) -> list[str]:
    """Metrics of which answers were kept picture by picture."""
    return list(dict.fromkeys(name for trial in trials for name in trial.per_image))


def budget_deviation(record: StudyRecord) -> float | None:
    """The largest relative distance of a finished trial's compute from the budget, if any."""
    if record.budget is None:
        return None
    currency = record.budget["currency"]
    budget = float(record.budget["amount"])
    amounts = [
        trial.compute.amount(currency) for trial in record.finished() if trial.compute is not None
    ]
    deviations = [abs(amount - budget) / budget for amount in amounts if amount is not None]
    return max(deviations, default=None)


def trial_facts(trials: Sequence[TrialRecord]) -> list[tuple[str, str]]:
    """Commits, versions and hardware of the trials, each once."""
    facts = [("commit", {trial.commit for trial in trials if trial.commit})]
    names = dict.fromkeys(name for trial in trials for name in trial.versions)
    # The commit is among the versions too, and was the first fact.
    for name in names:
        if name != "commit":
            versions = {trial.versions[name] for trial in trials if name in trial.versions}
            facts.append((name, versions))
    facts.append(("hardware", {trial.hardware for trial in trials if trial.hardware}))
    # Times are text in ISO format, whose order is that of time.
    started = [trial.started for trial in trials if trial.started]
    ended = [trial.ended for trial in trials if trial.ended]
    facts.append(("first trial started", {min(started)} if started else set()))
    facts.append(("last trial ended", {max(ended)} if ended else set()))
    return [(name, ", ".join(sorted(values))) for name, values in facts if values]
