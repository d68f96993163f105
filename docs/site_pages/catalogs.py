"""The catalogs of the package as sections of the gallery: what is shown of each, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from maskwright.data.sources.catalog import SOURCES
from maskwright.diagnostics.catalog import DIAGNOSTICS
from maskwright.losses.catalog import TERMS
from maskwright.masking.catalog import POLICIES
from maskwright.support.catalog import Entry
from maskwright.targets.catalog import TARGETS
from maskwright.weights.export_formats import FORMATS
from maskwright.workflows.measuring.probes.catalog import PROBES


@dataclass(frozen=True)
class Section:
    """A page of the gallery.

    name: of the page and of its folder of pictures.
    title: its heading.
    about: a paragraph below the heading.
    catalog: the entries.
    use: the line that uses an entry, with {line} where its example goes.
    pictures: a sentence on what the pictures show.
    """

    name: str
    title: str
    about: str
    catalog: Mapping[str, Entry]
    use: str
    pictures: str


SECTIONS: tuple[Section, ...] = (
    Section(
        "policies",
        "Policies: which patches are hidden",
        "A policy gives every patch a score, and the largest scores are hidden first. All of them"
        " hide the same number of patches at the same ratio.",
        POLICIES,
        'maskwright pretrain PHOTOS --policy "{line}"',
        "Three photographs of scikit-image, 75% of 64 patches hidden, as `maskwright masks` draws"
        " them. The map below says how often each position was hidden in 256 masks. Policies that"
        " learn are shown as they begin.",
    ),
    Section(
        "losses",
        "Losses: how a prediction is judged",
        "A loss is a weighted sum of terms.",
        TERMS,
        'maskwright pretrain PHOTOS --loss "{line}"',
        "A photograph, half of it predicted by the model zoo:dead-leaves-32, and the slope of the"
        " term at each predicted pixel: where a training step would change the prediction most.",
    ),
    Section(
        "targets",
        "Targets: what is predicted of each patch",
        "A target turns each patch into the numbers that the decoder has to predict.",
        TARGETS,
        'maskwright pretrain PHOTOS --target "{line}"',
        "A photograph, and its target. Where a target leads back to pixels they are shown; else the"
        " three strongest principal components of its values are shown as red, green and blue.",
    ),
    Section(
        "probes",
        "Probes: what an encoder has learned",
        "A probe asks frozen features about labels. Random weights and raw pixels are asked beside"
        " the encoder, in these pictures but for the slowest three.",
        PROBES,
        'maskwright evaluate RUN --data LABELED --probe "{line}"',
        "The model zoo:dead-leaves-32 on a few rendered pictures. So few pictures say nothing of"
        " the model; they show what a probe returns.",
    ),
    Section(
        "diagnostics",
        "Diagnostics: how an encoder behaves",
        "A diagnostic asks one question of an encoder and draws the answer.",
        DIAGNOSTICS,
        'maskwright diagnose RUN --on LABELED --tests "{line}"',
        "The figure that the diagnostic draws, for the model zoo:dead-leaves-32 on a few rendered"
        " pictures, without the random weights and raw pixels that stand beside it otherwise."
        " So few pictures say nothing of the model.",
    ),
)


def list_sources() -> Iterator[tuple[str, str]]:
    """Name and noun of each kind of source, in the order in which they are tried."""
    for kind in SOURCES:
        yield kind.name, kind.noun


def list_formats() -> Iterator[tuple[str, str]]:
    """Name and summary of each format that models are exported to."""
    for name, file_format in FORMATS.items():
        yield name, file_format.summary
