"""The catalogs of the package as sections of the gallery: what is shown of each, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

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
    rooms: whose code decides what the pictures show; they are drawn anew when it changes.
    written: by entry, the line that uses it, where its catalog has no example of it.
    pictured: by entry, what the picture shows, where its example needs files or time.
    flags: by entry, what its line needs beside its name.
    """

    name: str
    title: str
    about: str
    catalog: Mapping[str, Entry]
    use: str
    pictures: str
    rooms: tuple[str, ...]
    written: Mapping[str, str] = field(default_factory=dict)
    pictured: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)

    def example_of(self, name: str) -> str:
        """A line that uses an entry."""
        entry = self.catalog[name]
        return self.written.get(name) or (entry.examples or (name,))[0]

    def command_of(self, name: str) -> str:
        """The command that uses an entry."""
        command = self.use.format(line=self.example_of(name))
        # Most have no flags, and no space behind them either.
        return f"{command} {self.flags.get(name, '')}".rstrip()

    def shown_of(self, name: str) -> str:
        """The line that the picture of an entry shows."""
        return self.pictured.get(name) or self.example_of(name)


# A new catalog is a new section here; a new entry of one needs nothing.
SECTIONS: tuple[Section, ...] = (
    Section(
        "policies",
        "Policies: which patches are hidden",
        "A policy gives every patch a score, and the patches with the largest scores are hidden."
        " At the same ratio all policies hide the same number of patches.",
        POLICIES,
        'maskwright pretrain PHOTOS --policy "{line}"',
        "Each picture shows three photographs of scikit-image with 75% of 64 patches hidden, as"
        " `maskwright masks` draws them. The map below them says how often each place was hidden in"
        " 256 masks. A policy that looks at pictures was counted on these three alone. A policy"
        " that learns is shown as it begins, and the scorer of `learned` was trained for 40 steps."
        " `components` was fitted on 300 windows of the photographs; three are shown.",
        ("masking", "patches", "visual", "components"),
        # The options of these two are files, so their classes have other fields.
        written={
            "given": "given(path='mask.png')",
            "learned": "learned(path='RUN/select/short')",
        },
        pictured={
            "components": "components(share=0.6)",
            "guided": "guided(source='zoo:dead-leaves-32')",
            "mixture": "0.5*random + 0.5*block(size=2)",
            "parts": "parts(whole=1)",
            "part_ratios": "part_ratios({face: 1, background: 0.6})",
        },
    ),
    Section(
        "losses",
        "Losses: how a prediction is judged",
        "A loss is a weighted sum of terms, and a weight may change during the training.",
        TERMS,
        'maskwright pretrain PHOTOS --loss "{line}"',
        "Each picture shows three photographs at 32 pixels, what the model `zoo:dead-leaves-32`"
        " fills in where half of the patches are hidden, and the slope of the term: the brighter,"
        " the more a training step would change the prediction there. Black is not changed at all.",
        ("losses", "patches", "visual"),
    ),
    Section(
        "targets",
        "Targets: what is predicted of each patch",
        "A target turns each patch into the numbers that the decoder has to predict.",
        TARGETS,
        'maskwright pretrain PHOTOS --target "{line}"',
        "Each picture shows three photographs of 96 pixels beside their target in patches of 8."
        " Targets that lead back to pixels are shown as pixels; faint ones get more contrast. Of"
        " the others, the three strongest principal components are shown as red, green and blue.",
        ("targets", "patches", "visual"),
    ),
    Section(
        "probes",
        "Probes: what an encoder has learned",
        "A probe asks frozen features about labels. Random weights and raw pixels are asked beside"
        " the encoder; here they are left out where they would take long.",
        PROBES,
        'maskwright evaluate RUN --data LABELED --probe "{line}"',
        "The pictures show what a probe returns, for the model `zoo:dead-leaves-32` on 40 rendered"
        " test pictures of 10 shapes, with 95% intervals. They say nothing of the model: the"
        " pictures are too few, and some probes are cut short.",
        ("evaluation", "visual"),
        written={
            "segmentation": "segmentation(maps='MAPS')",
            "regression": "regression(values='numbers.csv')",
        },
        pictured={
            "linear": "linear(pooling='mean', iterations=20)",
            "few_shot": "few_shot(shots=2, draws=2)",
            "cross_validated": "cross_validated(folds=2, iterations=20)",
            "finetune": "finetune(epochs=1)",
            "linear_official": "linear_official(epochs=2)",
        },
    ),
    Section(
        "diagnostics",
        "Diagnostics: how an encoder behaves",
        "A diagnostic asks one question of an encoder and draws the answer.",
        DIAGNOSTICS,
        'maskwright diagnose RUN --on LABELED --tests "{line}"',
        "The pictures show the figure that each diagnostic draws, for the model"
        " `zoo:dead-leaves-32` on 40 rendered test pictures. Random weights and raw pixels, which"
        " stand beside it otherwise, are left out here to save time. So few pictures say nothing"
        " of the model.",
        ("diagnostics", "evaluation", "visual"),
        # Four orders side by side could not be read on a page.
        pictured={
            "occlusion": "occlusion(orders=[random, block])",
            "restyled": "restyled(most=8, steps=10)",
        },
        flags={
            "cue-conflict": "--stimuli CONFLICTS",
            "texture": "--textures TEXTURES",
            "stylized": "--stylized STYLIZED",
        },
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
