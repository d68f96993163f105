"""A ballot: pictures masked alike and filled in by several models, for people to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maskwright.studies.voting.ballot_pictures import choose_unseen
from maskwright.support.checks import check_at_least, check_inside
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.visual.png import to_png_bytes
from maskwright.visual.reconstructions import SheetRow
from maskwright.visual.tiles import to_tile
from maskwright.workflows.filling.arms import Candidate, choose_masks
from maskwright.workflows.filling.outcome import ReconstructOptions
from maskwright.workflows.filling.side_by_side import draw_choices, fill_arms
from maskwright.workflows.loading.pictures import reading_for

MOST_METHODS, MOST_PICTURES = 8, 200
"""Eight methods are 28 pairs of each picture, more than anybody has patience for."""


@dataclass(frozen=True, kw_only=True)
class BallotSettings:
    """What people are asked.

    title: what the vote is called; raters see it, so it should name no model.
    runs: run folders or checkpoints, two at least, each by the name that results call it.
    pictures: image files, a folder of them or a prepared store.
    count: how many pictures are shown.
    policy: how they are masked; None for the first model's own policy.
    ratio: share of patches that is masked; None for the first model's last.
    seed: of the masks, the order of questions and the sides.
    show_original: whether raters see the whole picture, and are asked which fill is nearer to it.
    per_rater: questions to each rater at most.
    """

    title: str
    runs: dict[str, str]
    pictures: str
    count: int = 20
    policy: str | None = None
    ratio: float | None = None
    seed: int = 0
    show_original: bool = False
    per_rater: int = 60

    def __post_init__(self) -> None:
        check_at_least("count", self.count, 2)
        check_at_least("per_rater", self.per_rater, 1)
        if self.ratio is not None:
            check_inside("ratio", self.ratio, 0.0, 1.0)
        if self.count > MOST_PICTURES:
            raise MaskwrightError(
                f"A vote has at most {MOST_PICTURES} pictures; got {self.count}. People tire."
            )
        if not 2 <= len(self.runs) <= MOST_METHODS:
            raise MaskwrightError(
                f"A vote compares 2 to {MOST_METHODS} models; got {len(self.runs)}."
            )
        if not self.title.strip():
            raise MaskwrightError("A vote needs a title, which raters see.")
        # Shorter names are parts of many words.
        named = [name for name in self.runs if len(name) > 2 and name in self.title]
        if named:
            raise MaskwrightError(
                f"Raters see the title '{self.title}', and it names '{named[0]}'; leave that out."
            )


@dataclass(frozen=True)
class BallotPicture:
    """One masked picture and what the models made of it, as PNG files without any metadata.

    name: of the picture.
    original, masked: the whole picture, and what the models saw.
    fills: the picture as each model filled it in, in the order of the models.
    """

    name: str
    original: bytes
    masked: bytes
    fills: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Ballot:
    """All that is needed to ask people.

    settings: what was asked for.
    policy, ratio: how was masked.
    seen: how many of the pictures each model was trained on, as far as it is known.
    """

    settings: BallotSettings
    policy: str
    ratio: float
    seen: dict[str, int | None]
    pictures: tuple[BallotPicture, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of the models, in the order of the fills."""
        return tuple(self.settings.runs)


def prepare_ballot(settings: BallotSettings, reporter: Reporter | None = None) -> Ballot:
    """Mask the pictures once and let every model fill them in.

    Pictures that no model was trained on are taken first, as far as the runs know. Raises
    MaskwrightError for models of different grids and for policies that need maps.
    """
    reporter = reporter or usual_reporter()
    models = [Candidate(name, place) for name, place in settings.runs.items()]
    first = models[0].load()
    options = ReconstructOptions(
        stats="visible",
        device=pick_device("auto"),
        seed=settings.seed,
        errors=False,
        lpips=None,
        reporter=reporter,
        reading=reading_for(first.settings),
    )
    # Masks that differ between models would be compared with them.
    choice = choose_masks(settings.policy, settings.ratio, first)
    if len(choice) != 1:
        raise MaskwrightError(
            f"A vote has one policy and one ratio for all models; got {len(choice)} of them."
        )
    unseen = choose_unseen(settings.pictures, settings.count, settings.runs, first)
    masks = draw_choices(choice, first, models[0].place, unseen.chosen, options)
    arms = fill_arms(models, first, masks, unseen.chosen, options)
    # From a list of pictures for each model to a list of models for each picture.
    rows = list(zip(*(arm.rows for arm in arms), strict=True))
    return Ballot(
        settings=settings,
        policy=choice[0].policy,
        ratio=choice[0].ratio,
        seen=unseen.seen,
        pictures=tuple(
            _picture(name, row) for name, row in zip(unseen.chosen.names, rows, strict=True)
        ),
    )


def _picture(name: str, rows: Sequence[SheetRow]) -> BallotPicture:
    """One picture with the fills of all models."""
    original, masked, *_ = rows[0].tiles()
    # Encoded from plain arrays, so that no file says where it came from.
    fills = tuple(to_png_bytes(to_tile(row.composite)) for row in rows)
    return BallotPicture(name, to_png_bytes(original), to_png_bytes(masked), fills)
