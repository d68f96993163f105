"""A trained classifier against the test pictures, answered once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from maskwright.data.store.packed import PackedStore
from maskwright.evaluation.answers import judge_answers
from maskwright.evaluation.classify import accuracy_by_class, answer_all
from maskwright.models.classifier import Classifier
from maskwright.patches import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.training.finetune import FinetuneModule
from maskwright.weights.opening import load_encoder
from maskwright.workflows.finetuning.data import FinetuneData
from maskwright.workflows.loading.pictures import eval_batches
from maskwright.workflows.runs.run_folder import RunFolder


def best_classifier(data: FinetuneData, module: FinetuneModule, folder: RunFolder) -> Classifier:
    """The classifier to measure and keep: of the last epoch, or of the best one.

    module: after the training, with the last weights.
    folder: where the best ones are.
    """
    if data.held is None:
        return module.answering
    model = load_encoder(folder.checkpoints / "best.ckpt").model
    assert isinstance(model, Classifier)
    return model


def report_answers(
    data: FinetuneData,
    model: Classifier,
    scale: PixelScale,
    test: PackedStore,
    from_scratch: bool,
) -> dict[str, Any]:
    """Answer the test pictures once; numbers with intervals, per class, and what decided them."""
    if test.labels is None:
        raise MaskwrightError(
            "The test pictures have no labels; name a labeled split with --test-split."
        )
    assert data.train.labels is not None
    scores = _answer(data, model, scale, test)  # (n, K)
    # Back to the labels of the stores, which train and test share.
    numbers = data.label_numbers
    answers = judge_answers(scores, numbers, test.labels, numbers[data.train.labels], data.seed)

    # Accuracy per class is over test pictures of classes that were learned.
    is_known = torch.isin(test.labels, numbers)
    truth = torch.searchsorted(numbers, test.labels[is_known])
    return {
        "probe": "finetune",
        **answers.to_dict(),
        "by_class": accuracy_by_class(answers.correct[is_known], truth, data.classes),
        "num_train": len(data.train),
        "num_held_out": 0 if data.held is None else len(data.held),
        "from": "random weights" if from_scratch else "encoder",
        "seed": data.seed,
        "protocol": {
            **data.settings.to_dict(),
            "precision": data.precision,
            "measured": _format_protocol(data),
        },
    }


def _answer(data: FinetuneData, model: Classifier, scale: PixelScale, test: PackedStore) -> Tensor:
    """(n, K) scores of the test pictures, in the arithmetic of the training."""
    scores = answer_all(
        model.to(data.device).classify,
        eval_batches(test, model.config.image_size),
        scale=scale,
        device=data.device,
        precision=torch.bfloat16 if data.precision == "bf16-mixed" else torch.float32,
    )
    model.cpu()
    return scores


def _format_protocol(data: FinetuneData) -> str:
    """Which weights were measured, and how often."""
    epoch = "last epoch" if data.held is None else "best epoch on held-out train"
    average = ", averaged weights" if data.settings.ema else ""
    return f"{epoch}{average}, test answered once"


def format_answers(report: Mapping[str, Any]) -> str:
    """Top-1 and top-5 with their intervals, in one line."""
    words = []
    for key, title in (("top1", "top-1"), ("top5", "top-5")):
        number = report.get(key)
        if number is not None:  # there is no top-5 with five classes or fewer
            interval = f"[{number['low']:.3f}, {number['high']:.3f}]"
            words.append(f"{title} {number['value']:.3f} {interval}")
    return (
        f"fine-tuned from {report['from']}: {' '.join(words)} on {report['num_test']:,} test"
        " pictures"
    )
