"""The masks of a training step: counts that follow the ratio, chance that belongs to a sample
alone, and what a look costs.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from maskwright.masking.catalog import build_policy
from maskwright.masking.policy import Scene
from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_attention_map
from maskwright.models.encoder import Encoder
from maskwright.models.initialize import draw_weights
from maskwright.patches import Grid, PixelScale
from maskwright.schedules import parse_schedule
from maskwright.training.masker import OWN, Masker, MaskerSettings, predicted_count
from maskwright.training.module import PretrainModule
from maskwright.training.shown import Shown
from maskwright.training.teachers import OwnTeacher

GRID = Grid(4, 4, 4)
SCALE = PixelScale((0.5,) * 3, (0.2,) * 3)
CONFIG = ModelConfig(image_size=(16, 16), patch_size=4, width=24, depth=1, heads=2)


def masker(ratio: str = "0.5", own_teacher: OwnTeacher | None = None, **options: Any) -> Masker:
    settings = MaskerSettings(ratio=parse_schedule(ratio), seed=0, **options)
    return Masker(build_policy("random"), settings, GRID, SCALE, own_teacher)


def shown(ids: list[int]) -> Shown:
    return Shown(
        images=torch.zeros(len(ids), 3, 16, 16),
        sample_ids=torch.tensor(ids),
        mask_ids=None,
        priors={},
        views=torch.zeros(len(ids), 5),
    )


def scene(
    of: Masker, ids: list[int], *, epoch: int = 0, step: int = 0, progress: float = 0.0
) -> Scene:
    return of.scene(shown(ids), epoch=epoch, step=step, progress=progress)


def test_a_mask_belongs_to_its_sample_and_epoch_whatever_the_step_and_the_batch() -> None:
    first, again = masker(), masker()
    together = first.draw(scene(first, [5, 6, 7], step=3)).masked_ids
    assert torch.equal(again.draw(scene(again, [6], step=40)).masked_ids[0], together[1])
    later = again.draw(scene(again, [5, 6, 7], epoch=1)).masked_ids
    assert not torch.equal(later, together)


@pytest.mark.parametrize(("progress", "masked"), [(0.0, 4), (0.5, 8), (1.0, 12)])
def test_the_count_follows_the_ratio(progress: float, masked: int) -> None:
    assert scene(masker("0.25->0.75"), [0], progress=progress).num_masked == masked


def test_levels_round_a_ramp_to_few_counts_and_keep_both_ends() -> None:
    leveled = masker("0.25->0.75", ratio_levels=3)
    counts = [scene(leveled, [0], progress=at / 20).num_masked for at in range(21)]
    assert (counts[0], counts[-1]) == (4, 12)
    assert set(counts) == {4, 8, 12}


def test_a_random_ratio_is_one_for_a_step_and_the_same_when_repeated() -> None:
    counts = [
        [scene(masker("uniform(0.1, 0.9)"), [0], step=step).num_masked for step in range(40)]
        for _ in range(2)
    ]
    assert counts[0] == counts[1]
    assert len(set(counts[0])) > 5


@pytest.mark.parametrize(
    ("masked", "share", "count"), [(12, 1.0, None), (12, 0.5, 6), (12, 0.34, 4), (12, 0.01, 1)]
)
def test_a_share_of_the_masked_patches_is_scored(
    masked: int, share: float, count: int | None
) -> None:
    assert predicted_count(masked, share) == count
    drawn = masker("0.75", predict=share)
    assert drawn.draw(scene(drawn, [0])).predicted_ids.shape[1] == (count or masked)


def test_several_masks_of_a_picture_are_drawn_apart_under_ids_of_their_own() -> None:
    images = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    batch = SimpleNamespace(
        images=images,
        sample_ids=torch.tensor([3, 9]),
        priors={},
        views=torch.zeros(2, 5),
        keys=None,
        plain_ids=[3, 9],
    )
    asked: Any = SimpleNamespace(scale=SCALE, settings=SimpleNamespace(masks_per_image=3))
    several = PretrainModule.show(asked, batch)
    assert several.mask_ids is not None
    assert several.mask_ids.tolist() == [0, 0, 1, 1, 2, 2]
    assert (several.sample_ids - (several.mask_ids << 40)).tolist() == [3, 9] * 3
    assert several.plain_ids == [3, 9] * 3
    assert torch.equal(several.images, SCALE.to_model(images).repeat(3, 1, 1, 1))
    drawn = masker()
    masks = drawn.draw(drawn.scene(several, epoch=0, step=0, progress=0.0)).masked_ids
    assert len({tuple(row) for row in masks.tolist()}) == 6
    alone = masker()
    assert torch.equal(masks[:2], alone.draw(scene(alone, [3, 9])).masked_ids)


def drawn_encoder(seed: int) -> Encoder:
    encoder = Encoder(CONFIG, GRID)
    draw_weights(encoder, torch.Generator().manual_seed(seed))
    return encoder


def test_a_look_through_the_teacher_is_charged_in_training_and_free_elsewhere() -> None:
    teacher = OwnTeacher(CONFIG, GRID, drawn_encoder(0), decay=0.9, refresh=1)
    looking = masker(own_teacher=teacher)
    looking.look(OWN, torch.zeros(5, 3, 16, 16))
    assert looking.spent == {"teacher_tokens": 0, "policy_flops": 0}
    seen = scene(looking, [0, 1, 2])
    seen.look(OWN)
    seen.look(OWN)  # the same answer, paid once
    assert looking.spent == {
        "teacher_tokens": 3 * 17,
        "policy_flops": 3 * count_attention_map(CONFIG),
    }


def test_the_teacher_follows_and_begins_anew_where_the_encoder_got_other_weights() -> None:
    first, other = drawn_encoder(0), drawn_encoder(1)
    teacher = OwnTeacher(CONFIG, GRID, first, decay=0.9, refresh=1)
    following = masker(own_teacher=teacher)
    following.restart(other)
    assert torch.equal(teacher.encoder.patch_embed.proj.weight, other.patch_embed.proj.weight)
    following.follow(first, 1)
    torch.testing.assert_close(
        teacher.encoder.patch_embed.proj.weight,
        0.9 * other.patch_embed.proj.weight + 0.1 * first.patch_embed.proj.weight,
    )
