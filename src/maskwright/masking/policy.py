"""The contract: a policy turns a Scene into a score per patch and does nothing else.

Letters of shapes, at the ends of names and in comments:

    B   pictures of a batch
    N   patches of a picture, numbered row by row from 0
    V   visible patches, M masked ones, K predicted ones: N = V + M, K <= M
    P   numbers of a patch (patch_size * patch_size * channels); in `quotas`, parts of a picture
    D   width of a token
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.mask import NotAScore, PatchMask, are_scores, split
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import KeyedRng

PARTS = "parts/"
_UNREAD = "unread checks"  # where `Scene.cache` keeps what `Scene.checked` did not wait for


@dataclass(frozen=True)
class Traits:
    """What a policy promises; `check_policy` holds it to this.

    uniform: every position is masked equally often, as far as what the policy looks at favors none.
    nested: with the same chance, a higher ratio only masks more patches.
    cell: side of the square cells that are masked whole, all but one at most, or None.
    predicts: which masked patches the loss scores when not all are, any ("random") or those with
        the largest score ("first").
    needs: what it asks of a scene beyond the grid, among "images", "views", "keys",
        "attention:SOURCE" and "prior:NAME".
    usual_mix: the option `mix` of a policy by name where the user gives none, a number or schedule.
    """

    uniform: bool = True
    nested: bool = True
    cell: int | None = None
    predicts: Literal["random", "first"] = "random"
    needs: frozenset[str] = frozenset()
    usual_mix: str | None = None

    def needed(self, kind: Literal["attention", "prior"]) -> tuple[str, ...]:
        """The sources of attention, or the names of priors, that are asked for."""
        names = [need.partition(":")[2] for need in self.needs if need.startswith(f"{kind}:")]
        return tuple(sorted(names))


@dataclass(frozen=True)
class Scene:
    """All that a policy may look at for one batch of B images.

    grid: how the patches are arranged.
    num_masked: how many patches will be masked, for policies with quotas alone: the count is exact
        whatever the scores are.
    rng: one stream of chance per image.
    progress: the share of the training that is done, in [0, 1].
    training: whether this is a training step, whose sample_ids name pictures of the training data.
    sample_ids: (B,) which picture, and which of its masks.
    images: (B, C, H, W) as the model will see them, after augmentation.
    priors: name -> (B, N) map in [0, 1], moved with the same crop and flip; "parts/NAME" for each
        part.
    views: (B, 5) where in its picture an image was cut: top, left, height, width as shares of the
        picture, and 1 where it was mirrored.
    attention: source -> (B, N) attention, computed when first asked for.
    mask_ids: (B,) numbers of the masks that one picture gets in a step.
    picture_rng: one stream of chance per picture, whatever the mask.
    keys: the name of each of the B pictures in its data, for policies that need "keys".
    ratio: the share that is to be hidden, where it is one of the variance and no count of patches.
    cache: what was computed for this batch.
    """

    grid: Grid
    num_masked: int
    rng: KeyedRng
    progress: float = 0.0
    training: bool = False
    sample_ids: Tensor | None = None
    images: Tensor | None = None
    priors: Mapping[str, Tensor] = field(default_factory=dict)
    views: Tensor | None = None
    attention: Callable[[str], Tensor] | None = None
    mask_ids: Tensor | None = None
    picture_rng: KeyedRng | None = None
    keys: Sequence[str] | None = None
    ratio: float | None = None
    cache: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def batch_size(self) -> int:
        return self.rng.batch_size

    @property
    def device(self) -> torch.device:
        return self.rng.device

    def once(self, key: Any, compute: Callable[[], Any]) -> Any:
        """What `compute` returns, computed once for this batch.

        key: hashable, one for each thing; parts of a policy that use the same key share it.
        """
        if key not in self.cache:
            self.cache[key] = compute()
        return self.cache[key]

    def prior(self, name: str) -> Tensor:
        """The (B, N) map of that name; raises MaskwrightError when the data has none."""
        if name not in self.priors:
            raise missing_prior(name, self.priors)
        return self.priors[name]

    def parts(self) -> dict[str, Tensor]:
        """The (B, N) map of each part by its name.

        Raises MaskwrightError when the data has none.
        """
        parts = {
            name.removeprefix(PARTS): share
            for name, share in self.priors.items()
            if name.startswith(PARTS)
        }
        if not parts:
            raise missing_prior("parts", self.priors)
        return parts

    def look(self, source: str) -> Tensor:
        """(B, N) attention of that source.

        Raises MaskwrightError when the scene has no model to ask.
        """
        if self.attention is None:
            raise MaskwrightError(
                f"This policy asks for the attention of '{source}', and there is no model here to"
                " ask."
            )
        attend = self.attention
        return self.once(("attention", source), lambda: attend(source))

    def pixels(self) -> Tensor:
        """The images (B, C, H, W); raises MaskwrightError when the scene has none."""
        if self.images is None:
            raise MaskwrightError("This policy looks at the pictures, and there are none here.")
        return self.images

    def checked(self, score: Tensor) -> Tensor:
        """The same (B, N) scores; raises NotAScore where one is NaN or +inf.

        A ranking would hide such a score, so whoever ranks asks first.
        """
        is_sound = are_scores(score)
        if score.device.type != "cpu":
            # reading it now would make the program wait for the device: `all_checks` does later
            self.cache.setdefault(_UNREAD, []).append(is_sound)
        elif not is_sound:
            raise NotAScore
        return score

    def all_checks(self) -> Tensor | None:
        """Whether all scores were sound, one boolean on the device; None with nothing to read."""
        unread = self.cache.get(_UNREAD)
        return torch.stack(unread).all() if unread else None

    def forked(self, name: str) -> Scene:
        """The same scene with independent chance, for a part of a composed policy."""
        return self.with_rng(self.rng.fork(name))

    def with_rng(self, rng: KeyedRng) -> Scene:
        """The same scene with other chance."""
        return replace(self, rng=rng)


def missing_prior(name: str, known: Iterable[str]) -> MaskwrightError:
    """Build the error for a map that the data does not have."""
    has = ", ".join(sorted(known)) or "no maps"
    return MaskwrightError(
        f"This policy needs a '{name}' map of each picture; the data has {has}. "
        f"Make one: maskwright prepare DATA --out STORE --priors {name}."
    )


@runtime_checkable
class Policy(Protocol):
    """A rule that scores patches.

    Implementations are frozen dataclasses whose fields are the settings.
    """

    @property
    def traits(self) -> Traits:
        """What the policy promises: a `ClassVar`, or a property where it depends on settings."""
        ...

    def score(self, scene: Scene) -> Tensor:
        """Return (B, N) float scores: larger is masked first.

        Equal scores are decided by chance; -inf means never first.
        """
        ...


@runtime_checkable
class GridBound(Protocol):
    """A policy that some grids or counts do not suit; one that suits all leaves this method out."""

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        """Raise MaskwrightError, saying what would fit, when grid or count do not suit."""
        ...


def check_fits(policy: Policy, grid: Grid, num_masked: int) -> None:
    """Raise MaskwrightError when the policy's settings do not suit this grid and count.

    It is called once, before a run.
    """
    if isinstance(policy, GridBound):
        policy.check_grid(grid, num_masked)


def mask_scene(policy: Policy, scene: Scene, num_predicted: int | None = None) -> PatchMask:
    """Score a scene and split it exactly: the one road from policy to mask.

    Raises NotAScore for NaN and +inf, but not in a training step off the CPU, whose own check reads
    `scene.all_checks()`.
    """
    num_visible = scene.grid.num_patches - scene.num_masked
    # scores and ties have streams of their own, so that a policy that draws more moves no tie
    score = scene.checked(policy.score(scene.forked("score")))
    # a training step must not wait for the device; it reads all its checks at its end
    checks = None if scene.training else scene.all_checks()
    if checks is not None and not checks:
        raise NotAScore
    return split(
        score,
        num_visible,
        num_predicted,
        predict=policy.traits.predicts,
        rng=scene.rng.fork("split"),
    )
