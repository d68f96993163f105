"""The arms of a comparison: models (runs, checkpoints, epochs) under masks (policies at ratios),
every model under the same masks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.masking.stateful import stateful_policies
from maskwright.patches.mask import check_ratio
from maskwright.schedules import Constant, parse_schedule
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedModel
from maskwright.weights.hints import Hints, split_hints
from maskwright.weights.opening import is_name
from maskwright.workflows.building.module import initialized_policy
from maskwright.workflows.building.policies import ALL, build_checked_policy, parts, policy_lines
from maskwright.workflows.runs.locate import load_any
from maskwright.workflows.runs.run_folder import RunFolder

_ENDINGS = (".ckpt", ".pt", ".pth", ".safetensors")


@dataclass(frozen=True)
class Candidate:
    """One model of a comparison by its label and where it lies; it is loaded when its
    turn comes.
    """

    label: str
    place: str
    hints: Hints = Hints()

    def load(self, like: LoadedModel | None = None) -> LoadedModel:
        """Load it; raises MaskwrightError when its grid or channels are not those of the model it
        is compared with.
        """
        loaded = load_any(self.place, self.hints)
        if like is not None and _shape(loaded) != _shape(like):
            raise MaskwrightError(
                f"Models side by side need the same patches; '{self.label}' has {_format(loaded)},"
                f" the first has {_format(like)}. Compare runs of one --image-size, --patch-size"
                " and --channels."
            )
        return loaded


@dataclass(frozen=True)
class MaskChoice:
    """One way of masking: a policy as text and the share that it hides."""

    policy: str
    ratio: float


def is_model(word: Any) -> bool:
    """Whether a word on the command line names a run folder or a checkpoint rather than
    pictures.
    """
    if not isinstance(word, (str, Path)):
        return False
    text, _ = split_hints(word)
    path = Path(text)
    if is_name(text):
        return True
    return (
        RunFolder(path).exists or (path / "config.json").exists()
        if path.is_dir()
        else path.suffix.lower() in _ENDINGS
    )


def find_models(
    runs: Sequence[str], epochs: str | Sequence[int] | None, hints: Hints
) -> list[Candidate]:
    """Name the models of runs or checkpoints; epochs: `all` kept ones and the last, or some of
    them.
    """
    labels = _labels([Path(split_hints(run)[0]) for run in runs])
    found: list[Candidate] = []
    for label, run in zip(labels, runs, strict=True):
        if epochs is None:
            found.append(Candidate(label, run, hints))
            continue
        prefix = f"{label}, " if len(labels) > 1 else ""
        found += [
            Candidate(f"{prefix}{name}", str(place), hints)
            for name, place in _kept(Path(run), epochs)
        ]
    return found


def choose_masks(
    policy: str | Sequence[str] | None, ratio: Any, loaded: LoadedModel
) -> list[MaskChoice]:
    """Cross policies with ratios, each a list or text as `parts` reads it; the run's own by
    default.
    """
    lines = _policies(policy, loaded)
    shares = [
        parse_schedule(part).at(1.0)
        for part in parts(ratio if ratio is not None else loaded.settings.get("ratio", 0.75))
    ]
    for share in shares:
        check_ratio(loaded.model.grid.num_patches, share)
    return [MaskChoice(line, share) for share in shares for line in lines]


def needed_maps(
    choices: Sequence[MaskChoice], loaded: LoadedModel, *, skip: bool = False
) -> tuple[str, ...]:
    """The maps that the policies look at, each once; skip: pass over policies that cannot be built,
    which drawing will list.
    """
    found: set[str] = set()
    for choice in choices:
        try:
            found.update(
                build_checked_policy(
                    choice.policy, loaded.model.grid, Constant(choice.ratio)
                ).traits.needed("prior")
            )
        except MaskwrightError:
            if not skip:
                raise
    return tuple(sorted(found))


def untaught(choices: Iterable[MaskChoice], loaded: LoadedModel) -> tuple[str, ...]:
    """Policies that learn and are here as they begin, because the run did not train them."""
    own, grid, channels = (
        str(loaded.settings.get("policy")),
        loaded.model.grid,
        loaded.model.config.channels,
    )
    found: dict[str, None] = {}
    for choice in choices:
        rule = initialized_policy(
            build_checked_policy(choice.policy, grid, Constant(choice.ratio)), grid, channels, 0, 1
        )
        if choice.policy != own and any(True for _ in stateful_policies(rule)):
            found[choice.policy] = None
    return tuple(found)


def _policies(policy: str | Sequence[str] | None, loaded: LoadedModel) -> list[str]:
    if policy is None:
        return [str(loaded.settings.get("policy", "random"))]
    return policy_lines(policy)


def _kept(run: Path, epochs: str | Sequence[int]) -> list[tuple[str, Path]]:
    """The kept checkpoints of a run, by epoch, that were asked for."""
    folder = RunFolder(run)
    if not folder.exists:
        raise MaskwrightError(
            f"--epochs goes through the kept checkpoints of a run folder; '{run}' is none."
        )
    places = {
        int(file.stem.removeprefix("epoch_")): file
        for file in sorted(folder.checkpoints.glob("epoch_*.ckpt"))
    }
    known = ", ".join(map(str, places)) or "none"
    if epochs == ALL:
        if not places:
            raise MaskwrightError(
                f"'{run}' kept no checkpoints but its last one; train with --keep 5,20,50 to see a"
                " timeline."
            )
        return [
            *((f"epoch {epoch}", place) for epoch, place in places.items()),
            ("last", folder.last),
        ]
    try:
        wanted = [int(part) for part in parts(epochs)]
    except ValueError as error:
        raise MaskwrightError(
            f"--epochs is all, or numbers such as 20,50; got '{epochs}'. '{run}' kept: {known}."
        ) from error
    for epoch in wanted:
        if epoch not in places:
            raise MaskwrightError(f"'{run}' kept no checkpoint of epoch {epoch}. It kept: {known}.")
    return [(f"epoch {epoch}", places[epoch]) for epoch in wanted]


def _labels(runs: Sequence[Path]) -> list[str]:
    """The shortest end of each path that tells the runs apart."""
    names = [
        run.name if run.is_dir() or run.stem != "last" else f"{run.parent.parent.name}/last"
        for run in runs
    ]
    if len(set(names)) == len(names):
        return names
    longer = [f"{run.resolve().parent.name}/{name}" for run, name in zip(runs, names, strict=True)]
    return (
        longer
        if len(set(longer)) == len(longer)
        else [f"{number}: {name}" for number, name in enumerate(names, start=1)]
    )


def _shape(loaded: LoadedModel) -> tuple[Any, ...]:
    return loaded.model.grid, loaded.model.config.channels


def _format(loaded: LoadedModel) -> str:
    return f"a {loaded.model.grid} and {loaded.model.config.channels} channels"
