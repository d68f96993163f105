"""What a run does where the person said nothing: each choice fits the data and the machine, and
says why.
"""

from __future__ import annotations

from maskwright.training.optimizers import find_optimizer
from maskwright.workflows.settings.budget_choices import (
    choose_crop_scale,
    choose_decoder,
    choose_model,
    choose_optimizer,
    choose_predict,
)
from maskwright.workflows.settings.choice import Choice, Facts
from maskwright.workflows.settings.component_choices import choose_for_components
from maskwright.workflows.settings.geometry_choices import (
    choose_channels,
    choose_image_size,
    choose_patch_size,
)
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.start_choices import (
    CONTINUED_RATE,
    CONTINUED_REASON,
    choose_decoder_first,
    choose_layer_decay,
    choose_shape_of_start,
    with_tokens,
)

__all__ = ["Choice", "Facts", "choose", "effective_batch"]

# Sheets of reconstructions that a person still looks through.
KEEPABLE_SAMPLES = 10
# k-NN while training reads that many trained pictures at most: more would make it slow and say
# little more.
MOST_KNN_TRAIN = 2000
# Pictures read for k-NN, as a share of those trained on; one costs about as much as the other.
SHARE_FOR_KNN = 0.1
# Pictures seen from which torch.compile wins back the time that it takes.
WORTH_COMPILING = 2_000_000


def choose(settings: PretrainSettings, facts: Facts) -> tuple[PretrainSettings, list[Choice]]:
    """Fill every open setting; returns the complete settings and what was chosen."""
    choices: list[Choice] = []
    # In this order: a later rule reads what an earlier one has chosen.
    for rule in (
        choose_image_size,
        choose_channels,
        choose_shape_of_start,
        choose_patch_size,
        choose_model,
        choose_for_components,
        choose_decoder,
        choose_predict,
        choose_crop_scale,
        _batch_size,
        choose_optimizer,
        _accumulate,
        _rate,
        choose_layer_decay,
        choose_decoder_first,
        _length,
        _compile,
        _pace,
    ):
        for choice in rule(settings, facts):
            choices.append(choice)
            settings = settings.with_values(**{choice.name: choice.value})
    return with_tokens(settings), choices


def _batch_size(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    # Each process gets its share of the pictures and needs a whole batch of them.
    share = facts.count // facts.processes
    if settings.train.batch_size is None:
        usual = 128 if facts.device == "cpu" else 256
        size = max(1, min(usual, share // 4 or share))
        why = (
            f"usual on {facts.device}"
            if size == usual
            else f"a quarter of the {facts.count:,} pictures"
        )
        return [Choice("batch_size", size, why)]
    if settings.train.batch_size > share:
        return [
            Choice(
                "batch_size",
                max(1, share),
                f"the batch asked for is larger than the data set ({facts.count:,} pictures)",
            )
        ]
    return []


def _accumulate(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """No more batches in a step than an epoch has.

    Those that never come must not raise the learning rate.
    """
    batches = max(1, facts.count // facts.processes // (settings.train.batch_size or 1))
    if settings.train.accumulate <= batches:
        return []
    return [Choice("accumulate", batches, "an epoch has no more batches, and a step ends with it")]


def _rate(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    if settings.train.lr is not None:
        return []
    batch = pictures_per_step(settings)
    entry = find_optimizer(str(settings.train.optimizer))
    rate = entry.rate(batch, settings.train.base_lr)
    reason = entry.format_rate(batch, settings.train.base_lr)
    # A base rate that the person gave means what it says.
    if facts.start is not None and settings.train.base_lr is None:
        rate *= CONTINUED_RATE
        reason = f"{CONTINUED_RATE:g} x {reason.rpartition(' = ')[0]}, {CONTINUED_REASON}"
    return [Choice("lr", float(f"{rate:.6g}"), reason)]


def pictures_per_step(settings: PretrainSettings) -> int:
    """Different pictures behind one optimizer step, over all processes: what the learning rate
    follows.

    Several masks of one picture are no new pictures, so they leave the rate alone, and arms that
    differ in them alone share it.
    """
    run, train = settings.run, settings.train
    return (train.batch_size or 1) * train.accumulate * run.devices * run.nodes


def effective_batch(settings: PretrainSettings) -> int:
    """Masked pictures behind one optimizer step, over all processes: what it costs; each mask of a
    picture counts.
    """
    return pictures_per_step(settings) * settings.mask.masks_per_image


def _length(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    train = settings.train
    if train.epochs is not None or train.steps is not None or train.minutes is not None:
        return []
    # Pictures seen in a usual training; a CPU sees a hundred times fewer.
    seen = 200_000 if facts.device == "cpu" else 20_000_000
    epochs = float(min(400, max(10, round(seen / facts.count))))
    return [
        Choice(
            "epochs",
            epochs,
            f"about {epochs * facts.count:,.0f} pictures seen; give --epochs, --steps or --minutes"
            " for another length",
        )
    ]


def _compile(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    if settings.run.compile is not None:
        return []
    seen = (settings.train.epochs or 0) * facts.count
    worth = facts.device == "cuda" and seen >= WORTH_COMPILING
    return [
        Choice(
            "compile",
            worth,
            "a long CUDA run" if worth else "compiling takes longer than it saves here",
        )
    ]


def _pace(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    train = settings.train
    # Minutes know no number of epochs: what is open then takes a small share of the time.
    if train.minutes is not None:
        return []
    epochs: float = train.epochs or KEEPABLE_SAMPLES
    if train.steps is not None:
        epochs = train.steps * pictures_per_step(settings) / max(1, facts.count)
    pace = max(1, round(epochs / KEEPABLE_SAMPLES))
    choices = []
    if settings.run.sample_every is None:
        choices.append(Choice("sample_every", pace, "about ten sheets of reconstructions"))
    if settings.run.knn_every is None:
        choices.append(_pace_of_knn(epochs, facts.count))
    return choices


def _pace_of_knn(epochs: float, count: int) -> Choice:
    """As often as sheets, or less where that would take more than its share of the training."""
    affordable = SHARE_FOR_KNN * epochs * count / min(count, MOST_KNN_TRAIN)
    times = max(1, min(KEEPABLE_SAMPLES, round(affordable)))
    # The first and the last epoch are measured in any case.
    often = f"about {times} measurements" if times > 1 else "at the first and the last epoch"
    pace = max(1, round(epochs / times))
    return Choice("knn_every", pace, f"{often}, where there are labels")
