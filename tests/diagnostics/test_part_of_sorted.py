"""A part of pictures that lie class by class still holds every class."""

from __future__ import annotations

from dataclasses import replace

import torch

from maskwright.diagnostics.attention import Rollout
from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.mask_table import Geometry, _images
from maskwright.diagnostics.representation import Representation
from tests.diagnostics.subjects import MemoryPictures, build_subject, pictures


def in_order(found: MemoryPictures) -> MemoryPictures:
    """The same pictures sorted by class, as folders are."""
    return found.take(found.labels.argsort(stable=True).tolist())


def test_the_neighbors_of_a_part_are_of_all_classes() -> None:
    subject = build_subject()
    subject = replace(subject, train=in_order(subject.train))
    test = DiagnosticPictures(test=in_order(pictures(40, seed=2)))
    found = Representation(most=20, k=5).measure(subject, test)
    scores = [one["value"] for one in found.tables["knn"].values()]
    assert found.protocol["num_train"] == 20
    assert max(scores) > 0.7  # exactly 0.5, chance, where all neighbors are of one class


def test_masks_are_measured_on_pictures_of_all_classes() -> None:
    test = in_order(pictures(40, seed=2))
    some = _images(DiagnosticPictures(test=test), 10)
    assert torch.equal(some[0], test.images[0])
    assert torch.equal(some[-1], test.images[-1])
    assert Geometry(most=10, draws=8).measure_once(build_subject(), DiagnosticPictures(test=test))


def test_maps_are_drawn_of_pictures_of_all_classes() -> None:
    test = in_order(pictures(40, seed=2))
    question = Rollout(pictures=3)
    shown = question._read(build_subject(), DiagnosticPictures(test=test), 0).shown
    assert torch.equal(shown["images"], test.images[[0, 20, 39]])
    assert all(len(stage.values) == 3 for stage in shown["maps"])
