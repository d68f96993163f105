"""Parts that a model here has no place for, in words: of BEiT, EVA, CAPI and others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from maskwright.support.errors import MaskwrightError

_LINEAR = r"\.(?:weight|bias)"
_LAYERS = rf"\.\d+\.(?:norm1|norm2|attn\.qkv|attn\.proj|mlp\.fc1|mlp\.fc2){_LINEAR}"
# Every official name that a model here has a place for, whatever its size.
_PLACES = re.compile(
    rf"cls_token|reg_token|pos_embed|(?:patch_embed\.proj|norm|norm_pre){_LINEAR}"
    rf"|blocks{_LAYERS}|blocks\.\d+\.ls[12]\.gamma"
    rf"|mask_token|decoder_pos_embed|decoder_(?:embed|norm|pred){_LINEAR}|decoder_blocks{_LAYERS}"
)
# Patterns of other names, and what they are in words. The first that fits is taken.
_PARTS = (
    (r"\.gamma_[12]$|\.lambda_[12]$", "layer scales as in BEiT and EVA"),
    (r"rope|periods", "rotary positions, as EVA has"),
    (r"relative_position", "relative positions, as BEiT has"),
    (r"\.[qv]_bias$", "biases of queries and values alone, as BEiT and EVA have"),
    (r"\.attn\.[qk]_(norm|proj)\.", "queries and keys with parts of their own"),
    (r"dist_token", "a distillation token beside the class token, as DeiT has"),
    (r"\.mlp\.", "layers that are gated (SwiGLU)"),
)
# Patterns that show a whole architecture.
_FAMILIES = (
    (r"visual\.class_embedding$|(^|\.)transformer\.resblocks\.0\.", "CLIP under OpenAI's names"),
    (
        r"encoder\.blocks\.0\.residual1\.",
        "CAPI under the names of its own code (RMS norms, and registers with rotary positions)",
    ),
    (r"(^|\.)layers\.0\.blocks\.0\.", "a Swin transformer"),
    (r"(^|\.)layer1\.0\.conv1\.weight$", "a ResNet"),
    (r"(^|\.)stages\.0\.", "a network in stages, as ConvNeXt is"),
)
# Parameters whose number of dimensions differs between codes.
_DIMENSIONS = {
    "patch_embed.proj.weight": 4,
    "pos_embed": 3,
    "decoder_pos_embed": 3,
    "cls_token": 3,
    "reg_token": 3,
    "mask_token": 3,
}


def refuse_parts_without_place(state: Mapping[str, Tensor], source: Path | str) -> None:
    """Raise MaskwrightError for parts of a state dict that a model here does not have.

    source: the file, for the message.
    """
    # Flattened patches or tables in two dimensions would fail later with a word about shapes.
    for name, count in _DIMENSIONS.items():
        if name in state and state[name].ndim != count:
            raise MaskwrightError(
                f"{source} is not supported: its {name} has the shape {tuple(state[name].shape)},"
                f" and {count} dimensions are needed."
            )
    odd = [name for name in state if not _PLACES.fullmatch(name)]
    if not odd:
        return
    # The words for a part, and the first name that shows it.
    examples: dict[str, str] = {}
    for name in odd:
        words = next((words for pattern, words in _PARTS if re.search(pattern, name)), "parts")
        examples.setdefault(words, name)
    shown = " and ".join(f"{words} ({name})" for words, name in [*examples.items()][:3])
    raise MaskwrightError(
        f"{source} is not supported: it has {shown}, which a model here has no place for."
    )


def known_family(state: Mapping[str, Tensor]) -> str | None:
    """The unsupported architecture that the names of a state dict show; None for all others."""
    for pattern, words in _FAMILIES:
        if any(re.search(pattern, name) for name in state):
            return words
    return None
