"""A trained classifier against the test pictures, asked once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from maskwright.data.store.packed import PackedStore
from maskwright.evaluation.answers import judge_answers
from maskwright.evaluation.classify import accuracy_by_class, answer_all
from maskwright.models.classifier import Classifier
from maskwright.support.errors import MaskwrightError
from maskwright.training.finetune import FinetuneModule
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.weights.opening import load_encoder
from maskwright.workflows.finetuning.data import Lesson
from maskwright.workflows.loading.pictures import eval_batches
from maskwright.workflows.runs.run_folder import RunFolder


def chosen_model(lesson: Lesson, module: FinetuneModule, folder: RunFolder) -> Classifier:
    """The classifier to measure and keep: of the last epoch, or of the best on held-out pictures."""
    if lesson.held is None:
        return module.answering
    model = load_encoder(folder.checkpoints / "best.ckpt").model
    assert isinstance(model, Classifier)
    return model


def report_answers(
    lesson: Lesson,
    numbers: Tensor,
    model: Classifier,
    loaded: LoadedEncoder,
    test: PackedStore,
    from_scratch: bool,
) -> dict[str, Any]:
    """Answer the test pictures once; numbers with intervals, per class, and everything that decided them."""
    if test.labels is None:
        raise MaskwrightError(
            "The test pictures have no labels; name a labeled split with --test-split."
        )
    assert lesson.train.labels is not None
    scores = answer_all(
        model.to(lesson.device).classify,
        eval_batches(test, model.config.image_size),
        scale=loaded.scale,
        device=lesson.device,
        precision=torch.bfloat16 if lesson.precision == "bf16-mixed" else torch.float32,
    )
    model.cpu()
    answers = judge_answers(scores, numbers, test.labels, numbers[lesson.train.labels], lesson.seed)
    known = torch.isin(test.labels, numbers)
    truth = torch.searchsorted(numbers, test.labels[known])
    return {
        "probe": "finetune",
        **answers.to_dict(),
        "by_class": accuracy_by_class(answers.correct[known], truth, lesson.classes),
        "num_train": len(lesson.train),
        "num_held_out": 0 if lesson.held is None else len(lesson.held),
        "from": "random weights" if from_scratch else "encoder",
        "seed": lesson.seed,
        "protocol": {
            **lesson.settings.to_dict(),
            "precision": lesson.precision,
            "measured": _spell_choice(lesson),
        },
    }


def _spell_choice(lesson: Lesson) -> str:
    average = ", averaged weights" if lesson.settings.ema else ""
    return (
        ("last epoch" if lesson.held is None else "best epoch on held-out train")
        + average
        + ", test answered once"
    )


def spell_answers(report: Mapping[str, Any]) -> str:
    """Top-1 and top-5 with their intervals, in one line."""
    words = [
        f"{title} {found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
        for key, title in (("top1", "top-1"), ("top5", "top-5"))
        if (found := report.get(key)) is not None
    ]
    return f"fine-tuned from {report['from']}: {' '.join(words)} on {report['num_test']:,} test pictures"
