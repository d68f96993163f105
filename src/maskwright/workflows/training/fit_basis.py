"""Fitting the basis of a run that hides components, on its own pictures, before step one."""

from __future__ import annotations

from maskwright.components.basis import Basis, PictureShape
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import spread
from maskwright.masking.components import ComponentsPolicy
from maskwright.patches import PixelScale
from maskwright.training.component_masker import ComponentMasker
from maskwright.training.module import PretrainModule
from maskwright.workflows.building.components import fit_count
from maskwright.workflows.loading.pictures import Pictures, eval_batches


def fit_basis(module: PretrainModule, pictures: Pictures) -> str | None:
    """Fit the basis on pictures to train on; returns a sentence on it, or None without one."""
    masker = module.masker
    if not isinstance(masker, ComponentMasker):
        return None
    count = fit_on(masker.basis, pictures.train, pictures.size, masker.scale)
    return f"basis: {describe_basis(masker.policy, masker.basis)}, fitted on {count:,} pictures"


def fit_on(basis: Basis, store: PackedStore, size: tuple[int, int], scale: PixelScale) -> int:
    """Fit on pictures spread over a store, whole and without chance; returns how many."""
    count = fit_count(PictureShape(scale.channels, *size), len(store))
    some = store.subset(spread(len(store), count))
    basis.fit(scale.to_model(batch.images) for batch in eval_batches(some, size))
    return count


def describe_basis(policy: ComponentsPolicy, basis: Basis) -> str:
    """What a fitted basis is, in words."""
    first = float(basis.shares[0])
    if policy.basis == "dct":
        side = basis.grid.rows
        return f"{side}x{side} bands of frequencies, the lowest with {first:.0%} of the variance"
    rest = float(basis.shares[-1])
    return (
        f"{basis.grid.num_patches - 1} principal components, the first with {first:.0%} of the"
        f" variance, and one part for the {rest:.1%} that they leave over"
    )
