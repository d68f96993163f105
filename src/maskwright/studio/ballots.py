"""The votes of a studio by ids that say nothing, and what the page asks a new one to be."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maskwright.studies.overview import find_studies, trained_runs
from maskwright.studies.voting.ballot import BallotSettings
from maskwright.studies.voting.ballot_box import BallotBox
from maskwright.studies.voting.quote import VOTES
from maskwright.studio.answers import field
from maskwright.studio.context import Studio
from maskwright.studio.policy_text import check_policy_text
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings


class Ballots:
    """Votes of their own in the folder of votes, and one in the folder of each study."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._own = Path(studio.settings.votes)
        self._known: dict[str, Path] = {}

    def listed(self) -> list[dict[str, Any]]:
        """Every vote with how far it is, the newest first."""
        votes = []
        for path in self._paths():
            try:
                state = BallotBox(path).state()
            except MaskwrightError:
                continue  # another program's file
            votes.append({"vote": self.id_of(path), **asdict(state)})
        return sorted(votes, key=lambda vote: vote["created"], reverse=True)

    def open(self, vote: str) -> BallotBox:
        """The vote of an id; nothing but files of the list is ever opened."""
        # Every picture of a question asks for this, so the folders are walked for a new id alone.
        if vote not in self._known:
            self._known = {self.id_of(path): path for path in self._paths()}
        if vote not in self._known:
            raise MaskwrightError("There is no such vote.")
        return BallotBox(self._known[vote])

    def studies(self) -> list[dict[str, Any]]:
        """Studies that a vote could be held about: their seeds that all arms have finished."""
        found = []
        for folder in self._study_folders():
            runs = trained_runs(folder)
            # A vote about some of the arms would say nothing of the others.
            seeds = set.intersection(*map(set, runs.values())) if len(runs) > 1 else set()
            if seeds:
                name = folder.relative_to(self._studio.folders.root("studies")).as_posix()
                has_vote = (folder / VOTES).exists()
                found.append({"study": name, "seeds": sorted(seeds), "has_vote": has_vote})
        return found

    def new_path(self) -> Path:
        """A file for a vote of its own."""
        return self._own / f"{secrets.token_hex(6)}.db"

    @staticmethod
    def id_of(path: Path) -> str:
        """A short id; the name of a study may say what is compared, a hash does not."""
        return hash_strings([str(path.resolve())])

    def _paths(self) -> Iterator[Path]:
        yield from sorted(self._own.glob("*.db"))
        for folder in self._study_folders():
            if (folder / VOTES).exists():
                yield folder / VOTES

    def _study_folders(self) -> Iterator[Path]:
        if "studies" in self._studio.folders:
            yield from find_studies(self._studio.folders.root("studies"))


def read_settings(
    studio: Studio, ballots: Ballots, body: Mapping[str, Any]
) -> tuple[BallotSettings, Path]:
    """What the page asks for, and the file that it goes to.

    Raises MaskwrightError for anything that the studio does not have.
    """
    data = field(body, "data", int)
    if not 0 <= data < len(studio.settings.data):
        raise MaskwrightError("Start the studio with --data PHOTOS to hold a vote about them.")
    if body.get("study"):
        folder = studio.folders.inside("studies", field(body, "study", str))
        runs, path = _arms(folder, field(body, "study_seed", int)), folder / VOTES
    else:
        runs, path = _models(studio, field(body, "models", list)), ballots.new_path()
    # Said before the models have filled in anything.
    if path.exists():
        raise MaskwrightError("There is a vote about this study already.")
    ratio, policy = body.get("ratio"), field(body, "policy", str).strip()
    settings = BallotSettings(
        title=field(body, "title", str),
        runs=runs,
        pictures=studio.settings.data[data],
        count=field(body, "count", int),
        policy=check_policy_text(policy) if policy else None,
        ratio=None if ratio is None else float(field(body, "ratio", (int, float))),
        seed=field(body, "seed", int),
        show_original=field(body, "show_original", bool),
        per_rater=field(body, "per_rater", int),
    )
    return settings, path


def _models(studio: Studio, models: list[Any]) -> dict[str, str]:
    """The places of chosen models by their labels."""
    chosen = [studio.models.entry(str(model)).candidate for model in models]
    return {candidate.label: candidate.place for candidate in chosen}


def _arms(folder: Path, seed: int) -> dict[str, str]:
    """The runs of a study's arms under one seed."""
    runs = {arm: by_seed[seed] for arm, by_seed in trained_runs(folder).items() if seed in by_seed}
    return {arm: str(place) for arm, place in runs.items()}
