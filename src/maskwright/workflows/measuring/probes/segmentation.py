"""Segmentation: a linear layer on frozen patch tokens gives every pixel a class."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from maskwright.data.maps.label_maps import LabelMaps, find_table
from maskwright.data.maps.picture_maps import CutMaps, check_place, open_map_source
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import spread
from maskwright.evaluation.segmentation_fit import FittedHead, PatchSample, SegmentationFit
from maskwright.evaluation.segmentation_fit import fit_segmentation as fit
from maskwright.evaluation.segmentation_head import SegmentationHead, classes_at
from maskwright.evaluation.segmentation_scores import (
    PixelCounts,
    SegmentationScores,
    count_pixels,
    score_segmentation,
)
from maskwright.support.checks import check_one_of
from maskwright.visual.dense import segmentation_sheet
from maskwright.visual.png import to_png_bytes
from maskwright.workflows.measuring.dense_probe import (
    EXAMPLES,
    Examples,
    check_maps,
    no_maps,
    shown_pictures,
    tokens_for,
)
from maskwright.workflows.measuring.patch_tokens import BLOCKS, PatchTokens
from maskwright.workflows.measuring.probe_context import ProbeContext
from maskwright.workflows.measuring.train_patches import draw_train_patches


@dataclass(frozen=True, kw_only=True)
class SegmentationProbe(SegmentationFit):
    """A linear layer on frozen patch tokens; its penalty is chosen on held-out train pictures.

    Each patch gets a score for each class, and the scores are enlarged to the size of the label
    map. The mean IoU over the classes is the main number.

    Formula: class of pixel = argmax W z[patch], enlarged bilinearly
    Source: this package; linear heads as in Oquab et al. 2024 (DINOv2).

    maps: the truth: a map of a prepared store, or a folder or .zip of PNGs named like the pictures.
    classes: a CSV of id,name and perhaps color; by default classes.csv beside the maps.
    ignore: the number of pixels that are not counted.
    blocks: `last`, or `all` side by side.
    """

    maps: str = ""
    classes: str = ""
    ignore: int = 255
    blocks: str = "last"
    needs_encoder: ClassVar[bool] = False
    looks_at: ClassVar[str] = "frozen patch tokens"
    task: ClassVar[str] = "segmentation"

    def __post_init__(self) -> None:
        check_one_of("blocks", self.blocks, BLOCKS)
        # Refused here, before anything is decoded.
        check_place(self.maps)
        super().__post_init__()

    def measure(self, context: ProbeContext) -> dict[str, Any]:
        """Fit on the patches of train, then give every pixel of the test maps a class once."""
        train = self._labels(context, context.train, None)
        test = self._labels(context, context.test, train)
        subject = context.subject
        context.reporter.progress("segmentation", 0, 3, f"{subject.name}, train patches")
        tokens = tokens_for(context, context.train, "train", self.blocks)
        grid = (subject.grid.rows, subject.grid.cols)
        patches = draw_train_patches(
            tokens, lambda index: train.shares(index, grid), self.patches, subject.seed
        )
        sample = PatchSample(
            patches.tokens,
            patches.truth,
            patches.is_held(context.train, self.held_out, subject.seed),
        )
        context.reporter.progress("segmentation", 1, 3, f"{subject.name}, fitting")
        fitted = fit(sample, self)
        head = _head(fitted, train, tokens)

        context.reporter.progress("segmentation", 2, 3, f"{subject.name}, test pictures")
        scores = self._test(context, head, test, int(sample.shares.sum(0).argmax()))
        context.reporter.finish()
        if subject.has_tokens:
            context.files["head.safetensors"] = head.to_bytes()
        return {
            "probe": "segmentation",
            **scores.to_dict(train.table.names),
            **fitted.to_dict(),
            "num_train": len(patches.pictures.unique()),
            "num_patches": len(sample.tokens),
            "classes": list(train.table.names),
            "protocol": self._protocol(tokens),
            "notes": self._notes(train, test, scores),
        }

    def check_truth(self, store: PackedStore, size: tuple[int, int]) -> None:
        """Refuse maps that cannot be found or used."""
        check_maps(self.maps, store, size)

    def _labels(
        self, context: ProbeContext, store: PackedStore, like: LabelMaps | None
    ) -> LabelMaps:
        """The label maps of a store, under the class table of another's where there is one."""
        source = open_map_source(self.maps, store)
        cut = CutMaps(store, source, context.subject.image_size)
        table = (
            like.table if like is not None else find_table(source, cut, self.classes, self.ignore)
        )
        # A number that is a class is not ignored: black and white masks use 255.
        ignored = None if self.ignore in table.numbers else self.ignore
        return LabelMaps(cut, table, ignored)

    def _test(
        self, context: ProbeContext, head: SegmentationHead, test: LabelMaps, commonest: int
    ) -> SegmentationScores:
        """Count the pixels of every test map, and draw some of them."""
        tokens = tokens_for(context, context.test, "test", self.blocks)
        shown = set(spread(len(context.test), EXAMPLES))
        rows: list[np.ndarray] = []
        examples: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for ids, values in tokens:
            scores = head.scores(values, context.subject.grid)  # (B, K, rows, cols)
            for index, score in zip(ids.tolist(), scores, strict=True):
                truth = test.read(index)
                if truth is None:
                    continue
                given = classes_at(score, truth.shape).numpy()
                rows.append(count_pixels(truth, given, len(head.classes)))
                if index in shown:
                    examples[index] = (truth, given)
        counts = _join_counts(rows)
        result = score_segmentation(counts, commonest, context.subject.seed)
        context.files["segmentation.png"] = _draw(context, examples, head, result)
        return result

    def _protocol(self, tokens: PatchTokens) -> dict[str, Any]:
        return asdict(self) | {
            "blocks_read": list(tokens.blocks_read),
            "numbers_per_patch": tokens.width,
            "standardize": "statistics of train patches",
            "chosen_on": "mean IoU over the patches of held-out train pictures",
            "refit_on": "all of train",
            "enlarged": "scores bilinearly to the size of the label map",
            "classes_weigh": "the same" if self.balanced else "as their pixels",
            "miou_over": "classes that the test maps have",
        }

    def _notes(self, train: LabelMaps, test: LabelMaps, scores: SegmentationScores) -> list[str]:
        names = test.table.names
        absent = [name for name, iou in zip(names, scores.iou, strict=True) if iou is None]
        notes = [f"train: {note}" for note in train.notes()]
        notes += [f"test: {note}" for note in test.notes()]
        if absent:
            notes.append(
                f"No test map has {', '.join(absent)}: the IoU of such a class is undefined, and"
                f" the mean is over the other {len(names) - len(absent)}."
            )
        return notes


def _head(fitted: FittedHead, train: LabelMaps, tokens: PatchTokens) -> SegmentationHead:
    return SegmentationHead(
        fitted.standardizer,
        fitted.weight,
        fitted.bias,
        train.table.names,
        tokens.blocks_read,
        tokens.weights_hash if tokens.subject.has_tokens else "",
    )


def _join_counts(rows: list[np.ndarray]) -> PixelCounts:
    """(3, K) counts of each picture as arrays over pictures."""
    counted = [row for row in rows if row[1].any()]
    if not counted:
        raise no_maps()
    both, truth, given = np.stack(counted, axis=1).astype(np.float64)
    return PixelCounts(both, truth, given)


def _draw(
    context: ProbeContext,
    examples: Examples,
    head: SegmentationHead,
    scores: SegmentationScores,
) -> bytes:
    """The figure: pictures, truth and prediction."""
    shown = shown_pictures(context, examples)
    title = f"segmentation, {context.subject.name}: mIoU {scores.miou.value:.3f}"
    iou = [None if item is None else item.value for item in scores.iou]
    return to_png_bytes(segmentation_sheet(shown, head.classes, iou, title))
