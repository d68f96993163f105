"""How large pictures and patches are where the person said nothing."""

from __future__ import annotations

from maskwright.workflows.settings.choice import Choice, Facts
from maskwright.workflows.settings.pretrain_settings import PretrainSettings, parse_size

# Usual sides of pictures, largest first.
SIDES = (224, 192, 160, 128, 96, 64, 48, 32)
# Up to this side pictures are tiny. On a CPU they get about 16 patches a side, which taught more of
# CIFAR-10 in eight minutes on two cores (docs/log.md).
TINY_SIDE = 40


def choose_geometry(
    image_size: int | str | None,
    patch_size: int | None,
    median: tuple[int, int],
    device: str = "cpu",
) -> tuple[int | str, int]:
    """Image and patch size for looking at masks, chosen as a training would."""
    size: int | str = image_size if image_size is not None else choose_side(min(median), device)
    if patch_size is None:
        patch_size = choose_patch(*parse_size(size), fine=device == "cpu")
    return size, patch_size


def choose_side(short_side: int, device: str) -> int:
    """The largest usual side that neither enlarges the pictures nor is too much for the device."""
    # Larger pictures make a step too slow on a CPU.
    most = 96 if device == "cpu" else 224
    return next(
        (side for side in SIDES if side <= min(most, short_side)), max(8, short_side // 4 * 4)
    )


def choose_patch(height: int, width: int, *, fine: bool = False) -> int:
    """The patch side that gives a grid of 8 to 14 patches along the shorter side and divides both.

    fine: 16 patches a side for tiny pictures.
    """
    short = min(height, width)
    if fine and short <= TINY_SIDE:
        least = max(2, short // 16)
    else:
        # Larger pictures bear finer grids: 14 patches a side as ViT-B/16 has at 224 pixels.
        least = max(1, short // (14 if short >= 160 else 12 if short >= 96 else 8))
    return next(
        (side for side in range(least, short + 1) if height % side == 0 and width % side == 0), 1
    )


def choose_image_size(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """The side that pictures are shrunk to."""
    if settings.data.image_size is not None:
        return []
    side = choose_side(facts.short_side, facts.device)
    limit = "no enlarging" if side >= facts.short_side // 2 else f"usual on {facts.device}"
    return [
        Choice(
            "image_size", side, f"the median picture's shorter side is {facts.short_side}; {limit}"
        )
    ]


def choose_channels(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """Gray or color, as the pictures are."""
    if settings.data.channels is not None:
        return []
    return [Choice("channels", facts.channels, "as found in the pictures")]


def choose_patch_size(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """The side of patches, after that of pictures."""
    if settings.model.patch_size is not None:
        return []
    height, width = parse_size(settings.data.image_size or 0)
    # Weights that patches are resampled for have never seen such small ones.
    side = choose_patch(height, width, fine=facts.device == "cpu" and facts.start is None)
    return [Choice("patch_size", side, f"a grid of {height // side}x{width // side} patches")]
