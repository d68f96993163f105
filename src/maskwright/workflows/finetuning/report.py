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
from maskwright.workflows.finetuning.data import FinetuneData
from maskwright.workflows.loading.pictures import eval_batches
from maskwright.workflows.runs.run_folder import RunFolder


def chosen_model(
    finetune_data: FinetuneData, module: FinetuneModule, folder: RunFolder
) -> Classifier:
    """The classifier to measure and keep: of the last epoch, or of the best on held-out
    pictures.
    """
    if finetune_data.held is None:
        return module.answering
    model = load_encoder(folder.checkpoints / "best.ckpt").model
    assert isinstance(model, Classifier)
    return model


def report_answers(
    finetune_data: FinetuneData,
    numbers: Tensor,
    model: Classifier,
    loaded: LoadedEncoder,
    test: PackedStore,
    from_scratch: bool,
) -> dict[str, Any]:
    """Answer the test pictures once; numbers with intervals, per class, and everything that decided
    them.
    """
    if test.labels is None:
        raise MaskwrightError(
            "The test pictures have no labels; name a labeled split with --test-split."
        )
    assert finetune_data.train.labels is not None
    scores = answer_all(
        model.to(finetune_data.device).classify,
        eval_batches(test, model.config.image_size),
        scale=loaded.scale,
        device=finetune_data.device,
        precision=torch.bfloat16 if finetune_data.precision == "bf16-mixed" else torch.float32,
    )
    model.cpu()
    answers = judge_answers(
        scores, numbers, test.labels, numbers[finetune_data.train.labels], finetune_data.seed
    )
    known = torch.isin(test.labels, numbers)
    truth = torch.searchsorted(numbers, test.labels[known])
    return {
        "probe": "finetune",
        **answers.to_dict(),
        "by_class": accuracy_by_class(answers.correct[known], truth, finetune_data.classes),
        "num_train": len(finetune_data.train),
        "num_held_out": 0 if finetune_data.held is None else len(finetune_data.held),
        "from": "random weights" if from_scratch else "encoder",
        "seed": finetune_data.seed,
        "protocol": {
            **finetune_data.settings.to_dict(),
            "precision": finetune_data.precision,
            "measured": _format_choice(finetune_data),
        },
    }


def _format_choice(finetune_data: FinetuneData) -> str:
    average = ", averaged weights" if finetune_data.settings.ema else ""
    return (
        ("last epoch" if finetune_data.held is None else "best epoch on held-out train")
        + average
        + ", test answered once"
    )


def format_answers(report: Mapping[str, Any]) -> str:
    """Top-1 and top-5 with their intervals, in one line."""
    words = [
        f"{title} {found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
        for key, title in (("top1", "top-1"), ("top5", "top-5"))
        if (found := report.get(key)) is not None
    ]
    return (
        f"fine-tuned from {report['from']}: {' '.join(words)} on {report['num_test']:,} test"
        " pictures"
    )
