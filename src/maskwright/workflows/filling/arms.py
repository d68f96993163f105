"""The arms of a comparison: models (runs, checkpoints, epochs) under masks (policies at ratios)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.components.policy_text import require_patches
from maskwright.masking.stateful import stateful_policies
from maskwright.patches.mask import check_ratio
from maskwright.patches.target import require_picture
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
    """One model of a comparison; it is loaded when its turn comes.

    label: its name in the comparison.
    place: where it lies.
    hints: what the file does not say of itself.
    """

    label: str
    place: str
    hints: Hints = Hints()

    def load(self, like: LoadedModel | None = None) -> LoadedModel:
        """Load it.

        Raises MaskwrightError when its target leads back to no picture, or its grid or channels are
        not those of `like`, the model that it is compared with.
        """
        loaded = load_any(self.place, self.hints)
        check_fills(loaded, self.place)
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


def check_fills(loaded: LoadedModel, place: str) -> None:
    """Raise MaskwrightError for a model that cannot fill in masked patches as pixels."""
    require_picture(loaded.model.target, f"'{place}'")
    require_patches(loaded.settings, f"'{place}'")


def is_model(word: Any) -> bool:
    """Whether a word on the command line names a run or a checkpoint rather than pictures."""
    if not isinstance(word, (str, Path)):
        return False
    text, _ = split_hints(word)
    path = Path(text)
    # Such as timm:vit_small_patch16_224.
    if is_name(text):
        return True
    # A folder of transformers has a config.json; folders of pictures have none.
    if path.is_dir():
        return RunFolder(path).exists or (path / "config.json").exists()
    return path.suffix.lower() in _ENDINGS


def find_models(
    runs: Sequence[str], epochs: str | Sequence[int] | None, hints: Hints
) -> list[Candidate]:
    """Name the models of runs or checkpoints.

    epochs: `all` kept ones and the last, or some of them; None for each run's last.
    """
    labels = _labels([Path(split_hints(run)[0]) for run in runs])
    models: list[Candidate] = []
    for label, run in zip(labels, runs, strict=True):
        if epochs is None:
            models.append(Candidate(label, run, hints))
            continue
        # A timeline of one run needs no name of the run.
        prefix = f"{label}, " if len(labels) > 1 else ""
        for name, path in _kept(Path(run), epochs):
            models.append(Candidate(f"{prefix}{name}", str(path), hints))
    return models


def choose_masks(
    policy: str | Sequence[str] | None, ratio: Any, loaded: LoadedModel
) -> list[MaskChoice]:
    """Cross policies with ratios, each a list or text as `parts` reads it.

    The run's own by default.
    """
    lines = _policies(policy, loaded)
    text = ratio if ratio is not None else loaded.settings.get("ratio", 0.75)
    # A ratio that changes in training counts with its last value.
    shares = [parse_schedule(part).at(1.0) for part in parts(text)]
    for share in shares:
        check_ratio(loaded.model.grid.num_patches, share)
    return [MaskChoice(line, share) for share in shares for line in lines]


def needed_maps(
    choices: Sequence[MaskChoice], loaded: LoadedModel, *, skip: bool = False
) -> tuple[str, ...]:
    """The maps that the policies look at, each once.

    skip: pass over policies that cannot be built, which drawing will list.
    """
    maps: set[str] = set()
    for choice in choices:
        try:
            rule = build_checked_policy(choice.policy, loaded.model.grid, Constant(choice.ratio))
        except MaskwrightError:
            if not skip:
                raise
            continue
        maps.update(rule.traits.needed("prior"))
    return tuple(sorted(maps))


def untrained(choices: Iterable[MaskChoice], loaded: LoadedModel) -> tuple[str, ...]:
    """Policies that learn and are here as they begin, because the run did not train them."""
    grid, channels = loaded.model.grid, loaded.model.config.channels
    trained = str(loaded.settings.get("policy"))
    # A dict keeps each policy once, in order.
    policies: dict[str, None] = {}
    for choice in choices:
        # Masks from a file learn nothing; a painted one is not even saved yet.
        if choice.policy.startswith("given("):
            continue
        policy = build_checked_policy(choice.policy, grid, Constant(choice.ratio))
        # Only a built policy shows whether it has parts that learn.
        rule = initialized_policy(policy, grid, channels, 0, 1)
        if choice.policy != trained and any(True for _ in stateful_policies(rule)):
            policies[choice.policy] = None
    return tuple(policies)


def _policies(policy: str | Sequence[str] | None, loaded: LoadedModel) -> list[str]:
    if policy is None:
        return [str(loaded.settings.get("policy", "random"))]
    return policy_lines(policy)


def _kept(run: Path, epochs: str | Sequence[int]) -> list[tuple[str, Path]]:
    """Labels and files of the kept checkpoints of a run, of some epochs or all."""
    folder = RunFolder(run)
    if not folder.exists:
        raise MaskwrightError(
            f"--epochs goes through the kept checkpoints of a run folder; '{run}' is none."
        )
    paths = folder.kept_epochs()
    known = ", ".join(map(str, paths)) or "none"
    if epochs == ALL:
        if not paths:
            raise MaskwrightError(
                f"'{run}' kept no checkpoints but its last one; train with --keep 5,20,50 to see a"
                " timeline."
            )
        return [*((f"epoch {epoch}", path) for epoch, path in paths.items()), ("last", folder.last)]
    try:
        numbers = [int(part) for part in parts(epochs)]
    except ValueError as error:
        raise MaskwrightError(
            f"--epochs is all, or numbers such as 20,50; got '{epochs}'. '{run}' kept: {known}."
        ) from error
    for epoch in numbers:
        if epoch not in paths:
            raise MaskwrightError(f"'{run}' kept no checkpoint of epoch {epoch}. It kept: {known}.")
    return [(f"epoch {epoch}", paths[epoch]) for epoch in numbers]


def _labels(runs: Sequence[Path]) -> list[str]:
    """The shortest end of each path that tells the runs apart."""
    # runs/mine/checkpoints/last.ckpt would be called last: its run says more.
    names = [
        run.name if run.is_dir() or run.stem != "last" else f"{run.parent.parent.name}/last"
        for run in runs
    ]
    if len(set(names)) == len(names):
        return names
    longer = [f"{run.resolve().parent.name}/{name}" for run, name in zip(runs, names, strict=True)]
    if len(set(longer)) == len(longer):
        return longer
    # The same run twice.
    return [f"{number}: {name}" for number, name in enumerate(names, start=1)]


def _shape(loaded: LoadedModel) -> tuple[Any, ...]:
    return loaded.model.grid, loaded.model.config.channels


def _format(loaded: LoadedModel) -> str:
    return f"a {loaded.model.grid} and {loaded.model.config.channels} channels"
