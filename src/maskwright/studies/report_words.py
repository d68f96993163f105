"""The words of a report: the answer in sentences, what to know before believing it, and where the numbers were made."""

from __future__ import annotations

from collections.abc import Sequence

from maskwright.studies.findings import (
    ArmFinding,
    Finding,
    compare_p,
    spell,
    standing,
    title_of,
    way_words,
)
from maskwright.studies.record import StudyRecord, TrialRecord
from maskwright.studies.report_tables import RECONSTRUCTION
from maskwright.studies.statistics import (
    BETTER,
    EXPLORATORY,
    FEWEST_SEEDS,
    HIGHER,
    LOWER,
    WORSE,
    Difference,
)


def answer_lines(findings: Sequence[Finding], baseline: str) -> list[str]:
    """The answer to the study's question: what the main metric says, effects of a factorial plan first."""
    if not findings:
        return ["No trial has finished yet."]
    return [*effect_lines(findings[0]), *finding_lines(findings[0], baseline)]


def finding_lines(finding: Finding, baseline: str) -> list[str]:
    """One metric in sentences: which arms are better, which are worse, and what could not be shown."""
    shown = (BETTER, WORSE) if finding.is_claim else (HIGHER + EXPLORATORY, LOWER + EXPLORATORY)
    said = [_shown_line(finding, one, baseline) for word in shown for one in finding.named(word)]
    compared = [one for one in finding.arms if one.difference is not None]
    rest = [one for one in compared if one.difference and not one.difference.is_shown]
    for verdict in dict.fromkeys(one.verdict for one in rest):
        some = [one for one in rest if one.verdict == verdict]
        names = _list([one.arm for one in some], len(compared), "other arms")
        reach = _reach([one.difference for one in some], finding.change_decimals)
        said.append(f"{verdict[0].upper()}{verdict[1:]}: {names}{reach}.")
    if not finding.has_baseline:
        said.append(f"The baseline {baseline} has no finished trial, so nothing is compared.")
    return said


def _shown_line(finding: Finding, one: ArmFinding, baseline: str) -> str:
    """A difference that was shown, with what speaks for it."""
    assert one.difference is not None
    change, decimals = one.difference.sample, finding.change_decimals
    word = one.verdict.removesuffix(EXPLORATORY)
    opening = "" if finding.is_claim else "Exploratory: "
    told = spell(change.mean, change.interval, decimals, signed=True)
    agree = f"{one.difference.agreeing} of {change.count} seeds agree"
    return (
        f"{opening}{one.arm} is {word} than {baseline}: {told}, {agree}"
        f"{_spell_p(one.difference)}{_over_pictures(one, decimals)}."
    )


def _spell_p(one: Difference) -> str:
    return "" if one.holm is None else f", p {compare_p(one.holm)} after correction"


def _over_pictures(one: ArmFinding, decimals: int) -> str:
    """How far the difference depends on which pictures were tested, where answers were kept."""
    seen = one.over_pictures
    if seen is None:
        return ""
    interval = f"[{seen.low:+.{decimals}f}, {seen.high:+.{decimals}f}]"
    if one.pictures_tell:
        return f"; over the {one.pictures:,} test pictures {interval}"
    return f"; but {one.pictures:,} test pictures are too few to tell, their interval is {interval}"


def _reach(differences: Sequence[Difference | None], decimals: int) -> str:
    """What such a study would have shown: the largest of the detectable differences, so that it holds for every one of them."""
    could = [one for one in differences if one is not None and one.detectable is not None]
    if not could:
        return ""
    most, count = max(one.detectable or 0.0 for one in could), could[0].comparisons
    corrected = f"after correction for {count} comparisons, " if count > 1 else ""
    return (
        f"; had {'it' if len(could) == 1 else 'one of them'} truly differed by {most:.{decimals}f}, 80% of such studies would have shown it "
        f"({corrected}at the spread over seeds seen here)"
    )


def join_names(names: Sequence[str]) -> str:
    """Names in a row, parted by semicolons where one of them has a comma."""
    return ("; " if any("," in name for name in names) else ", ").join(names)


def effect_lines(finding: Finding) -> list[str]:
    """The answer of a factorial plan: what each setting does on average over all arms, and which effects could not be shown."""
    said, decimals = [], finding.decimals
    opening = "" if finding.is_claim else "Exploratory: "
    for name, one in finding.effects.items():
        if one.is_shown:
            word = one.verdict.removesuffix(EXPLORATORY)
            words = (
                f"On average over all arms, {name} is {word}"
                if " x " not in name
                else f"Interaction {name}: {word} than their sum"
            )
            told = spell(one.sample.mean, one.sample.interval, decimals, signed=True)
            said.append(f"{opening}{words}: {told}{_spell_p(one)}.")
    rest = {name: one for name, one in finding.effects.items() if not one.is_shown}
    if rest:
        names = _list(list(rest), len(finding.effects), "factors and interactions")
        said.append(f"{opening}No effect shown of {names}{_reach(list(rest.values()), decimals)}.")
    return said


def _list(names: Sequence[str], of: int, things: str) -> str:
    """All the names, unless they are many and none is missing: then `any of the 7 other arms`."""
    return f"any of the {of} {things}" if len(names) == of >= 4 else join_names(names)


def title_words(finding: Finding) -> str:
    """A metric with its unit, source and direction."""
    where = f", {finding.metric.where}" if finding.metric.where else ""
    return f"{title_of(finding.metric)}{where}; {way_words(finding.metric)}; {standing(finding)}"


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
    notes += _standing_notes(findings)
    notes += _measured_on(record)
    lines = {str(trial.settings.get("loss")) for trial in record.finished()} - {"None"}
    if len(lines) > 1:
        notes.append(
            "Arms differ in their loss, so losses in the learning curves do not compare between all arms."
        )
    return notes


def _standing_notes(findings: Sequence[Finding]) -> list[str]:
    """What verdicts are worth: one metric is the question, families are corrected by themselves, test pictures are fixed."""
    notes = []
    main = [finding.metric.name for finding in findings if finding.is_claim]
    if main and (others := len(findings) - 1):
        notes.append(
            f"The main metric of the plan is {main[0]}, and only verdicts on it are claims. The other {others} are exploratory: p values "
            "are corrected over the arms of one metric, not over metrics, so some of their differences are chance."
        )
    if any(finding.effects for finding in findings):
        notes.append(
            "Effects of settings and comparisons of single arms are two families of tests; each is corrected by itself."
        )
    if any(one.difference for finding in findings for one in finding.arms):
        kept = any(one.over_pictures for finding in findings for one in finding.arms)
        notes.append(
            "Verdicts are over seeds on one set of test pictures, taken as it is. "
            + (
                'How far another draw of pictures could move a difference is under "over test pictures", where answers were kept '
                "picture by picture."
                if kept
                else "No answers were kept picture by picture, so how far another set could move a difference is not known."
            )
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
