"""Policies that keep a state: their settings, what they learn from, how others contain them.

A stateful policy comes in two parts. `PolicySettings` is what a user writes, a frozen dataclass
like any policy. Before a run, `initialize_policy` builds the `StatefulPolicy` of it, an `nn.Module`
that scores, learns and is saved with the model.
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

    grid: how the patches of its pictures are arranged.
    num_pictures: how many pictures are trained on.
    build_scorer: (width, depth) to a network with fresh weights that maps patches (B, N, P) in the
        model's numbers to one score (B, N).
    """

    grid: Grid
    num_pictures: int
    build_scorer: Callable[[int, int], nn.Module]


@dataclass(frozen=True)
class Feedback:
    """What a training step found out.

    scene: what the policy scored.
    mask: the mask that was drawn.
    errors: (B, K) mean squared error of each predicted patch in the target's space, detached.
    gather: from rows (B, ...) to those of the whole batch, whichever process has them; gradients
        go back through it, so that a loss that compares pictures is that of one process. None:
        the rows here are all.
    """

    scene: Scene
    mask: PatchMask
    errors: Tensor
    gather: Callable[[Tensor], Tensor] | None = None

    def join(self, rows: Tensor) -> Tensor:
        """The rows (B, ...) of the whole batch."""
        return rows if self.gather is None else self.gather(rows)


class PolicySettings(ABC):
    """The settings of a policy that keeps a state; `build` makes the policy itself."""

    @property
    @abstractmethod
    def traits(self) -> Traits:
        """What the policy promises."""

    @abstractmethod
    def build(self, context: PolicyContext) -> StatefulPolicy:
        """Make the policy, a `torch.nn.Module`, with its state at the beginning."""

    def score(self, scene: Scene) -> Tensor:
        """Refuse: settings have no state to score with."""
        raise AssertionError(
            f"{self} has no state yet; call initialize_policy(policy, context) first."
        )


@runtime_checkable
class StatefulPolicy(Policy, Protocol):
    """A policy with a state: an `nn.Module` that is saved, resumed and moved with the model.

    It has one or more of the methods `soft_mask` (see `HasSoftMask`), `loss` (`HasLoss`) and
    `observe` (`HasMemory`), and `flops` (`HasFlops`) where it has a network.
    """

    def state_dict(self) -> dict[str, Any]:
        """What is saved, as `nn.Module` gives it."""
        ...


@runtime_checkable
class HasSoftMask(Protocol):
    """A stateful policy that the gradient of the reconstruction's loss reaches."""

    def soft_mask(self, scene: Scene) -> Tensor | None:
        """(B, N) soft choices with a gradient, or None.

        Visible tokens are multiplied by 1 + soft - soft.detach(): the value is 1, and the gradient
        is that of the soft choice.
        """
        ...


@runtime_checkable
class HasLoss(Protocol):
    """A stateful policy with a loss of its own."""

    def loss(self, feedback: Feedback) -> Tensor | None:
        """The policy's own term of the objective, one number, or None."""
        ...


@runtime_checkable
class HasPairs(Protocol):
    """A stateful policy whose loss may compare the pictures of a batch, of all processes."""

    @property
    def compares_pictures(self) -> bool:
        """Whether it does."""
        ...


@runtime_checkable
class HasMemory(Protocol):
    """A stateful policy that remembers."""

    def observe(self, feedback: Feedback) -> None:
        """Remember what a step found out; feedback comes from all processes."""
        ...


@runtime_checkable
class HasFlops(Protocol):
    """A stateful policy whose network costs operations that a budget counts."""

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
    """Build every stateful policy inside a policy, so that it can score."""
    if isinstance(policy, PolicySettings):
        return _checked(policy.build(context))
    if isinstance(policy, ComposedPolicy):
        # a composition has no state itself: its parts are built and put back in
        return policy.with_inner([initialize_policy(part, context) for part in policy.inner()])
    return policy


def leaves(policy: Policy) -> Iterator[Policy]:
    """The policies inside a policy that are not made of others, or the policy itself."""
    if isinstance(policy, ComposedPolicy):
        for part in policy.inner():
            yield from leaves(part)
    else:
        yield policy


def stateful_policies(policy: Policy) -> Iterator[StatefulPolicy]:
    """The policies with a state inside a policy, or the policy itself."""
    return (leaf for leaf in leaves(policy) if isinstance(leaf, StatefulPolicy))


def flops_of(policies: Iterable[object]) -> int:
    """Operations that the networks of policies take together per image and training step."""
    return sum(policy.flops() for policy in policies if isinstance(policy, HasFlops))


def _checked(policy: StatefulPolicy) -> StatefulPolicy:
    """The same policy; a method with a misspelled name would otherwise never be called."""
    if not isinstance(policy, HasSoftMask | HasLoss | HasMemory):
        name = type(policy).__name__
        raise MaskwrightError(
            f"{name} keeps a state and never learns; give it a method soft_mask(scene),"
            " loss(feedback) or observe(feedback)."
        )
    return policy
