"""What to know before believing a report's answer: what is missing, what verdicts are worth, and
where the numbers were made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from maskwright.studies.findings import Finding
from maskwright.studies.record import StudyRecord, TrialRecord
from maskwright.studies.report.tables import RECONSTRUCTION
from maskwright.studies.report.words import join_names
from maskwright.studies.statistics import FEWEST_SEEDS


def notes_of(record: StudyRecord, findings: Sequence[Finding]) -> list[str]:
    """What must be known before believing the answer."""
    notes: list[str] = []
    done, wanted = len(record.finished()), len(record.arms) * len(record.seeds)
    if done < wanted:
        notes.append(f"{done} of {wanted} trials are done; the rest are listed below.")
    if silent := record.silent():
        notes.append(
            "Without a finished trial, so nothing is known of"
            f" {'it' if len(silent) == 1 else 'them'}: {join_names(silent)}."
        )
    if len(record.seeds) < FEWEST_SEEDS:
        notes.append(f"Fewer than {FEWEST_SEEDS} seeds: no intervals and no verdicts.")
    away = budget_deviation(record)
    if record.budget is None:
        notes.append("No compute was matched: arms may have spent different amounts.")
    elif away is not None:
        matched = f"{float(record.budget['amount']):.4g} {record.budget['currency']}"
        notes.append(f"Matched compute: {matched} per trial; trials are off by {away:.1%} at most.")
    rates = {
        trial.arm: float(trial.settings["lr"])
        for trial in record.finished()
        if trial.settings.get("lr") is not None
    }
    if rates:
        notes.append(rate_words(rates))
    notes += _standing_notes(findings)
    notes += _measured_on(record)
    lines = {str(trial.settings.get("loss")) for trial in record.finished()} - {"None"}
    if len(lines) > 1:
        notes.append(
            "Arms differ in their loss, so losses in the learning curves do not compare between all"
            " arms."
        )
    return notes


def rate_words(rates: Mapping[str, float]) -> str:
    """Whether arms were trained at one learning rate; where not, a difference between them may be
    the rate's.
    """
    if len(set(rates.values())) == 1:
        return f"All arms have the same learning rate, {next(iter(rates.values())):g}."
    told = join_names([f"{arm} {rate:g}" for arm, rate in rates.items()])
    return (
        f"Arms differ in learning rate: {told}. Unless that is the question, a difference may be"
        " the rate's; `lr` in the plan's base, or --lr, fixes one for all."
    )


def _standing_notes(findings: Sequence[Finding]) -> list[str]:
    """What verdicts are worth: one metric is the question, families are corrected by themselves,
    test pictures are fixed.
    """
    notes = []
    main = [finding.metric.name for finding in findings if finding.is_claim]
    if main and (others := len(findings) - 1):
        notes.append(
            f"The main metric of the plan is {main[0]}, and only verdicts on it are claims. The"
            f" other {others} are exploratory: p values are corrected over the arms of one metric,"
            " not over metrics, so some of their differences are chance."
        )
    if any(finding.effects for finding in findings):
        notes.append(
            "Effects of settings and comparisons of single arms are two families of tests; each is"
            " corrected by itself."
        )
    if any(one.difference for finding in findings for one in finding.arms):
        kept = any(one.over_pictures for finding in findings for one in finding.arms)
        notes.append(
            "Verdicts are over seeds on one set of test pictures, taken as it is. "
            + (
                'How far another draw of pictures could move a difference is under "over test'
                ' pictures", where answers were kept picture by picture.'
                if kept
                else (
                    "No answers were kept picture by picture, so how far another set could move a"
                    " difference is not known."
                )
            )
        )
    return notes


def _measured_on(record: StudyRecord) -> list[str]:
    """How many test pictures stand behind a probe, and what common masks are worth where arms cut
    pictures into other patches.
    """
    notes = []
    done = record.finished()
    counts = {
        name: {len(trial.per_image[name]) for trial in done if name in trial.per_image}
        for name in _probes(done)
    }
    for sizes in sorted({tuple(sorted(sizes)) for sizes in counts.values()}):
        names = [name for name, own in counts.items() if tuple(sorted(own)) == sizes]
        notes.append(
            f"{' and '.join(names)}: shares of right answers on"
            f" {' or '.join(f'{size:,}' for size in sizes)} test pictures."
        )
    grids = {
        (str(trial.settings.get("image_size")), trial.settings.get("patch_size"))
        for trial in done
        if trial.settings
    }
    if len(grids) > 1 and any(metric.name.startswith(RECONSTRUCTION) for metric in record.metrics):
        told = ", ".join(f"{patch} of {size}" for size, patch in sorted(grids, key=str))
        notes.append(
            f"Arms cut pictures into patches of other sizes ({told} pixels), and larger patches"
            " make larger holes of the same share: PSNR under common masks compares arms of one"
            " grid only."
        )
    return notes


def _probes(trials: Sequence[TrialRecord]) -> list[str]:
    return list(dict.fromkeys(name for trial in trials for name in trial.per_image))


def budget_deviation(record: StudyRecord) -> float | None:
    """The largest relative distance of a finished trial's compute from the budget; none without a
    budget.
    """
    if record.budget is None:
        return None
    currency, amount = record.budget["currency"], float(record.budget["amount"])
    spent = [
        trial.compute.amount(currency) for trial in record.finished() if trial.compute is not None
    ]
    return max((abs(one - amount) / amount for one in spent if one is not None), default=None)


def trial_facts(trials: Sequence[TrialRecord]) -> list[tuple[str, str]]:
    """Commits, versions and hardware of the trials, each once."""
    facts = [("commit", sorted({trial.commit for trial in trials if trial.commit}))]
    names = dict.fromkeys(name for trial in trials for name in trial.versions)
    facts += [
        (name, sorted({trial.versions[name] for trial in trials if name in trial.versions}))
        for name in names
        if name != "commit"
    ]
    facts.append(("hardware", sorted({trial.hardware for trial in trials if trial.hardware})))
    started, ended = (
        [getattr(trial, name) for trial in trials if getattr(trial, name)]
        for name in ("started", "ended")
    )
    facts += [
        ("first trial started", [min(started)] if started else []),
        ("last trial ended", [max(ended)] if ended else []),
    ]
    return [(name, ", ".join(values)) for name, values in facts if values]
