"""Policies that hide components, looked at without a training: what is seen of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from maskwright.components.basis import Basis, PictureShape
from maskwright.components.policy_text import hides_components, ratio_with_share
from maskwright.data.store.packed import PackedStore
from maskwright.masking.catalog import build_policy
from maskwright.masking.components import ComponentsPolicy, check_variance_share, components_of
from maskwright.masking.policy import Policy
from maskwright.schedules import parse_schedule
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.text_table import format_table
from maskwright.visual.hidden_gallery import GalleryColumn, hidden_gallery, seen_column
from maskwright.workflows.building.components import build_basis, hide_samples
from maskwright.workflows.building.mask_samples import MaskDraw
from maskwright.workflows.loading.pictures import eval_batch
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.settings.model_settings import USUAL_RATIO
from maskwright.workflows.training.fit_basis import describe_basis, fit_on


@dataclass(frozen=True)
class ComponentLook:
    """A policy to look at: its line, what it is, and the share of the variance it hides."""

    line: str
    policy: ComponentsPolicy
    ratio: float


@dataclass(frozen=True)
class HiddenNumbers:
    """What many masks hide.

    variance: mean share of the variance.
    spread: its deviation between masks.
    parts: mean number of hidden parts.
    of_parts: how many parts there are.
    basis: what the basis is, in words.
    """

    variance: float
    spread: float
    parts: float
    of_parts: int
    basis: str


def hides(policy: str | Policy) -> bool:
    """Whether a policy, by its line or itself, hides components."""
    if isinstance(policy, str):
        return hides_components(policy)
    return components_of(policy) is not None


def look_for(name: str, given: str | Policy, ratio: float) -> ComponentLook:
    """Read a policy that hides components; raises MaskwrightError for one that hides patches."""
    built = build_policy(given) if isinstance(given, str) else given
    policy = components_of(built)
    if policy is None:
        raise MaskwrightError(
            f"'{name}' hides patches and the others hide components of whole pictures, which one"
            " gallery cannot show side by side; look at them one after the other."
        )
    share = ratio if policy.share is None else policy.share
    # A line may say another share than the ratio beside it, which is refused.
    if isinstance(given, str):
        share = ratio_with_share(given, ratio, USUAL_RATIO)
    check_variance_share(share)
    return ComponentLook(name, policy, parse_schedule(share).at(1.0))


@dataclass(frozen=True)
class ComponentView:
    """Pictures on which policies are looked at.

    store: the pictures, which bases are fitted on.
    size: (height, width) that they are seen at.
    seed: of masks and of the fit.
    """

    store: PackedStore
    size: tuple[int, int]
    seed: int

    def save(
        self, looks: Sequence[ComponentLook], count: int, draws: int, path: Path
    ) -> dict[str, HiddenNumbers]:
        """Save a gallery with a column for each policy, and its numbers as JSON beside it.

        count: pictures that are shown.
        draws: masks that the numbers are over.
        """
        columns, numbers = [], {}
        # Each policy has a basis of its own, fitted on the same pictures.
        for look in looks:
            basis = self._fitted(look.policy)
            columns.append(self._column(look, basis, count))
            numbers[look.line] = self._measure(look, basis, draws)
        images = eval_batch(self.store, self.size, count).images
        save_picture(path, hidden_gallery(images, columns))
        plain = {line: asdict(hidden) for line, hidden in numbers.items()}
        write_json(path.with_suffix(".json"), {"seed": self.seed, "policies": plain})
        return numbers

    def _fitted(self, policy: ComponentsPolicy) -> Basis:
        scale = self.store.pixel_scale()
        shape = PictureShape(scale.channels, *self.size)
        basis = build_basis(policy, shape, len(self.store), self.seed)
        fit_on(basis, self.store, self.size, scale)
        return basis

    def _column(self, look: ComponentLook, basis: Basis, count: int) -> GalleryColumn:
        """What is seen of each picture under one mask."""
        scale = self.store.pixel_scale()
        batch = eval_batch(self.store, self.size, count)
        images = scale.to_model(batch.images)
        mask = hide_samples(look.policy, basis, batch.sample_ids, self._draw(look), 1)
        return seen_column(look.line, basis, images, mask, scale)

    def _measure(self, look: ComponentLook, basis: Basis, draws: int) -> HiddenNumbers:
        # No policy here looks at pictures, so masks are drawn for numbers of pictures alone.
        mask = hide_samples(look.policy, basis, torch.arange(draws), self._draw(look), 1)
        return HiddenNumbers(
            variance=round(float(mask.hidden_shares.mean()), 4),
            spread=round(float(mask.hidden_shares.std(correction=0)), 4),
            parts=round(float(mask.is_hidden.sum(1).float().mean()), 2),
            of_parts=basis.grid.num_patches,
            basis=describe_basis(look.policy, basis),
        )

    def _draw(self, look: ComponentLook) -> MaskDraw:
        return MaskDraw(look.ratio, self.seed)


def format_hidden(hidden: Mapping[str, HiddenNumbers]) -> list[str]:
    """A table of the numbers, a line per policy, then what each basis is."""
    rows = [["policy", "variance hidden", "sd", "parts hidden", "of"]]
    for line, numbers in hidden.items():
        cells = (numbers.variance, numbers.spread, numbers.parts, numbers.of_parts)
        rows.append([line, *(f"{cell:g}" for cell in cells)])
    return [*format_table(rows), *(f"{line}: {each.basis}" for line, each in hidden.items())]
