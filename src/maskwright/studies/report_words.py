"""The words of a report: the answer in sentences, what to know before believing it, and where the numbers were made."""

from __future__ import annotations

from collections.abc import Sequence

from maskwright.studies.findings import Finding, compare_p, spell, title_of
from maskwright.studies.record import StudyRecord, TrialRecord
from maskwright.studies.report_tables import RECONSTRUCTION, kind_of
from maskwright.studies.statistics import FEWEST_SEEDS


def finding_lines(finding: Finding, baseline: str) -> list[str]:
    """The answer in sentences: which arms are better, which are worse, and what could not be shown."""
    said = []
    for verdict in ("better", "worse"):
        for one in finding.named(verdict):
            assert one.difference is not None
            change = one.difference.sample
            p = (
                ""
                if one.difference.holm is None
                else f", p {compare_p(one.difference.holm)} after correction"
            )
            tail = f"{one.difference.agreeing} of {change.count} seeds agree{p}"
            told = spell(change.mean, change.interval, finding.change_decimals, signed=True)
            said.append(f"{one.arm} is {verdict} than {baseline}: {told}, {tail}.")
    rest = [
        one
        for one in finding.arms
        if one.difference is not None and kind_of(one.verdict) == "plain"
    ]
    for verdict in dict.fromkeys(one.verdict for one in rest):
        some = [one for one in rest if one.verdict == verdict]
        could = [
            one.difference.detectable
            for one in some
            if one.difference is not None and one.difference.detectable is not None
        ]
        reach = (
            f"; differences of {max(could):.{finding.change_decimals}f} and more would have been found in 80% of such studies"
            if could
            else ""
        )
        said.append(
            f"{verdict[0].upper()}{verdict[1:]}: {_list([one.arm for one in some], len(finding.arms) - 1, 'other arms')}{reach}."
        )
    if not finding.has_baseline:
        said.append(f"The baseline {baseline} has no finished trial, so nothing is compared.")
    return said


def join_names(names: Sequence[str]) -> str:
    """Names in a row, parted by semicolons where one of them has a comma."""
    return ("; " if any("," in name for name in names) else ", ").join(names)


def effect_lines(finding: Finding) -> list[str]:
    """The answer of a factorial plan: what each setting does on average over all arms, and which effects could not be shown."""
    said, decimals = [], finding.decimals
    for name, one in finding.effects.items():
        if one.is_shown:
            change, p = (
                one.sample,
                "" if one.holm is None else f", p {compare_p(one.holm)} after correction",
            )
            words = (
                f"On average over all arms, {name} is {one.verdict}"
                if " x " not in name
                else f"Interaction {name}: {one.verdict} than their sum"
            )
            said.append(
                f"{words}: {spell(change.mean, change.interval, decimals, signed=True)}{p}."
            )
    rest = [name for name, one in finding.effects.items() if not one.is_shown]
    return [
        *said,
        *(
            [f"No effect shown of {_list(rest, len(finding.effects), 'factors and interactions')}."]
            if rest
            else []
        ),
    ]


def _list(names: Sequence[str], of: int, things: str) -> str:
    """All the names, unless they are many and none is missing: then `any of the 7 other arms`."""
    return f"any of the {of} {things}" if len(names) == of >= 4 else join_names(names)


def title_words(finding: Finding) -> str:
    """A metric with its unit, source and direction."""
    where = f", {finding.metric.where}" if finding.metric.where else ""
    return f"{title_of(finding.metric)}{where}; {'larger' if finding.metric.larger_is_better else 'smaller'} is better"


def notes_of(record: StudyRecord, findings: Sequence[Finding]) -> list[str]:
    """What must be known before believing the answer."""
    notes: list[str] = []
    done, wanted = len(record.finished()), len(record.arms) * len(record.seeds)
    if done < wanted:
        notes.append(f"{done} of {wanted} trials are done; the rest are listed below.")
    if silent := record.silent():
        notes.append(
            f"Without a finished trial, so nothing is known of {'it' if len(silent) == 1 else 'them'}: {join_names(silent)}."
        )
    if len(record.seeds) < FEWEST_SEEDS:
        notes.append(f"Fewer than {FEWEST_SEEDS} seeds: no intervals and no verdicts.")
    away = budget_deviation(record)
    if record.budget is None:
        notes.append("No compute was matched: arms may have spent different amounts.")
    elif away is not None:
        matched = f"{float(record.budget['amount']):.4g} {record.budget['currency']}"
        notes.append(f"Matched compute: {matched} per trial; trials are off by {away:.1%} at most.")
    if len(findings) > 1:
        notes.append(
            f"{len(findings)} metrics are shown; p values are corrected over the arms of one metric, not over metrics."
        )
    notes += _measured_on(record)
    lines = {str(trial.settings.get("loss")) for trial in record.finished()} - {"None"}
    if len(lines) > 1:
        notes.append(
            "Arms differ in their loss, so losses in the learning curves do not compare between all arms."
        )
    return notes


def _measured_on(record: StudyRecord) -> list[str]:
    """How many test pictures stand behind a probe, and what common masks are worth where arms cut pictures into other patches."""
    notes = []
    done = record.finished()
    counts = {
        name: {len(trial.per_image[name]) for trial in done if name in trial.per_image}
        for name in _probes(done)
    }
    for sizes in sorted({tuple(sorted(sizes)) for sizes in counts.values()}):
        names = [name for name, own in counts.items() if tuple(sorted(own)) == sizes]
        notes.append(
            f"{' and '.join(names)}: shares of right answers on {' or '.join(f'{size:,}' for size in sizes)} test pictures."
        )
    grids = {
        (str(trial.settings.get("image_size")), trial.settings.get("patch_size"))
        for trial in done
        if trial.settings
    }
    if len(grids) > 1 and any(metric.name.startswith(RECONSTRUCTION) for metric in record.metrics):
        told = ", ".join(f"{patch} of {size}" for size, patch in sorted(grids, key=str))
        notes.append(
            f"Arms cut pictures into patches of other sizes ({told} pixels), and larger patches make larger holes of the same share: PSNR "
            "under common masks compares arms of one grid only."
        )
    return notes


def _probes(trials: Sequence[TrialRecord]) -> list[str]:
    return list(dict.fromkeys(name for trial in trials for name in trial.per_image))


def budget_deviation(record: StudyRecord) -> float | None:
    """The largest relative distance of a finished trial's compute from the budget; none without a budget."""
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
