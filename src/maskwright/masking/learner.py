"""Policies that keep a state: what they are told at the beginning, what they learn from, and how
composed policies hold them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from maskwright.masking.policy import Policy, Scene, Traits
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, kw_only=True)
class PolicyContext:
    """Where a policy will work.

    grid;

    num_pictures: how many are trained on; build_scorer(width, depth): makes a network from patches
        (B, N, P) in the model's numbers to one score (B, N), with fresh weights.
    """

    grid: Grid
    num_pictures: int
    build_scorer: Callable[[int, int], nn.Module]


@dataclass(frozen=True)
class Feedback:
    """What a training step found out; errors (B, K): mean squared error of each predicted patch in
    the target's space, detached.
    """

    scene: Scene
    mask: PatchMask
    errors: Tensor


class PolicySettings(ABC):
    """The settings of a policy that keeps a state; `build` makes the policy itself, and until then
    nothing is scored.
    """

    @property
    @abstractmethod
    def traits(self) -> Traits:
        """What the policy promises."""

    @abstractmethod
    def build(self, context: PolicyContext) -> StatefulPolicy:
        """Make the policy, a `torch.nn.Module`, with its state at the beginning."""

    def score(self, scene: Scene) -> Tensor:
        """Refuse: settings have no state to score with."""
        raise AssertionError(f"{self} has no state yet; call settle(policy, surroundings) first.")


@runtime_checkable
class StatefulPolicy(Policy, Protocol):
    """A policy with a state: an `nn.Module` whose parameters and buffers are saved, resumed and
    moved with the model's.

    What it does with that state is told by the methods it has: `soft_mask` (see `HasSoftMask`),
    `loss` (`HasLoss`), `observe` (`HasMemory`), one or more of these, and `flops` (`HasFlops`)
    where it has a network; those that say nothing are left out.
    """

    def state_dict(self) -> dict[str, Any]:
        """What is saved, as `nn.Module` gives it."""
        ...


@runtime_checkable
class HasSoftMask(Protocol):
    """A learner that the reconstruction's loss reaches."""

    def soft_mask(self, scene: Scene) -> Tensor | None:
        """(B, N) soft choices with a gradient: kept tokens are multiplied by 1 + soft -
        soft.detach(), so the loss reaches the policy.
        """
        ...


@runtime_checkable
class HasLoss(Protocol):
    """A learner with a loss of its own."""

    def loss(self, feedback: Feedback) -> Tensor | None:
        """The policy's own term of the objective, one number, or None."""
        ...


@runtime_checkable
class HasMemory(Protocol):
    """A learner that remembers."""

    def observe(self, feedback: Feedback) -> None:
        """Remember what a step found out; feedback comes from all processes."""
        ...


@runtime_checkable
class HasFlops(Protocol):
    """A learner whose network costs operations that a budget counts."""

    def flops(self) -> int:
        """Operations that the policy's own network takes per image and training step."""
        ...


@runtime_checkable
class ComposedPolicy(Protocol):
    """A policy made of policies."""

    def inner(self) -> tuple[Policy, ...]:
        """The policies inside."""
        ...

    def with_inner(self, inner: Sequence[Policy]) -> Policy:
        """The same composition of other policies."""
        ...


def initialize_policy(policy: Policy, context: PolicyContext) -> Policy:
    """Build every blueprint inside a policy, so that it can score."""
    if isinstance(policy, PolicySettings):
        return _checked(policy.build(context))
    if isinstance(policy, ComposedPolicy):
        return policy.with_inner([initialize_policy(part, context) for part in policy.inner()])
    return policy


def leaves(policy: Policy) -> Iterator[Policy]:
    """The policies inside a policy that are not made of others, or the policy itself."""
    if isinstance(policy, ComposedPolicy):
        for part in policy.inner():
            yield from leaves(part)
    else:
        yield policy


def learners(policy: Policy) -> Iterator[StatefulPolicy]:
    """The policies with a state inside a policy, or the policy itself."""
    return (leaf for leaf in leaves(policy) if isinstance(leaf, StatefulPolicy))


def flops_of(learners: Iterable[object]) -> int:
    """Operations that the networks of learners take together per image and training step."""
    return sum(learner.flops() for learner in learners if isinstance(learner, HasFlops))


def _checked(learner: StatefulPolicy) -> StatefulPolicy:
    """The same learner; a method with a misspelled name would otherwise never be called."""
    if not isinstance(learner, HasSoftMask | HasLoss | HasMemory):
        name = type(learner).__name__
        raise MaskwrightError(
            f"{name} keeps a state and never learns; give it a method weigh(scene), loss(feedback)"
            " or observe(feedback)."
        )
    return learner
