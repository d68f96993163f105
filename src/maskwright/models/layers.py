"""The layers of a vision transformer under timm's names: attention, MLP and their blocks."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskwright.models.attention import attend, attend_gated, attend_packed, split_heads
from maskwright.models.linear import build_linear
from maskwright.models.positional import Rotation, rotate

NORM_EPS = 1e-6  # torch's own default is 1e-5


def build_norm(width: int, eps: float = NORM_EPS) -> nn.LayerNorm:
    """A layer norm, by default with the epsilon of the official MAE and timm (1e-6)."""
    return nn.LayerNorm(width, eps=eps)


class LayerScale(nn.Module):
    """A learned factor per channel on what a block adds (Touvron et al. 2021), as in DINOv2."""

    def __init__(self, width: int, first_value: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), first_value))

    def forward(self, tokens_BND: Tensor) -> Tensor:
        return tokens_BND * self.gamma


def build_layer_scale(width: int, first_value: float | None) -> nn.Module:
    """A LayerScale that starts at `first_value`, or nothing at all for None."""
    return nn.Identity() if first_value is None else LayerScale(width, first_value)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = build_linear(width, 3 * width)
        self.proj = build_linear(width, width)

    def forward(
        self, tokens_BND: Tensor, rotation: Rotation | None = None, gates_BNN: Tensor | None = None
    ) -> Tensor:
        """Let every token look at all others.

        rotation: turns queries and keys, for rotary positions.
        gates_BNN: how far each token (row) may look at each other (column), see `attend_gated`.
        """
        packed = self.qkv(tokens_BND)  # (B, N, 3 * D)
        if rotation is None and gates_BNN is None:
            # the usual case has a faster backward pass on CPU
            return self.proj(attend_packed(packed, self.heads))
        queries, keys, values = split_heads(packed, 3, self.heads)
        if rotation is not None:
            queries = rotate(queries, rotation)
            keys = rotate(keys, rotation)
        if gates_BNN is None:
            mixed = attend(queries, keys, values)
        else:
            mixed = attend_gated(queries, keys, values, gates_BNN)
        return self.proj(mixed)


class CrossAttention(nn.Module):
    """Multi-head attention from queries to a memory of other tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = build_linear(width, width)
        self.kv = build_linear(width, 2 * width)
        self.proj = build_linear(width, width)

    def forward(
        self,
        queries_BKD: Tensor,
        memory_BVD: Tensor,
        rotations: tuple[Rotation, Rotation] | None = None,
        gates_BKV: Tensor | None = None,
    ) -> Tensor:
        """Let every query look at the memory.

        rotations: those of the queries and of the memory.
        gates_BKV: how far each query may look at each token, see `attend_gated`.
        """
        (queries,) = split_heads(self.q(queries_BKD), 1, self.heads)
        keys, values = split_heads(self.kv(memory_BVD), 2, self.heads)
        if rotations is not None:
            queries = rotate(queries, rotations[0])
            keys = rotate(keys, rotations[1])
        if gates_BKV is None:
            mixed = attend(queries, keys, values)
        else:
            mixed = attend_gated(queries, keys, values, gates_BKV)
        return self.proj(mixed)


def quick_gelu(values: Tensor) -> Tensor:
    """The activation of CLIP, x * sigmoid(1.702 x) (Hendrycks and Gimpel 2016, section 2)."""
    return values * torch.sigmoid(1.702 * values)


def gelu_tanh(values: Tensor) -> Tensor:
    """GELU by its tanh approximation, off by at most 5e-4."""
    return F.gelu(values, approximate="tanh")


# By the words that configurations have for them.
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": gelu_tanh,
    "quick_gelu": quick_gelu,
}


class Mlp(nn.Module):
    """Two linear layers with an activation between them, by default the exact GELU."""

    def __init__(self, width: int, hidden: int, activation: str = "gelu") -> None:
        super().__init__()
        self.activate = _ACTIVATIONS[activation]
        self.fc1 = build_linear(width, hidden)
        self.fc2 = build_linear(hidden, width)

    def forward(self, tokens_BND: Tensor) -> Tensor:
        return self.fc2(self.activate(self.fc1(tokens_BND)))


class Block(nn.Module):
    """A pre-norm transformer block: attention, then MLP, each added to its input.

    `ls1` and `ls2` are timm's names of the layer scales.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_ratio: float,
        eps: float = NORM_EPS,
        layer_scale: float | None = None,
        activation: str = "gelu",
    ) -> None:
        super().__init__()
        self.norm1 = build_norm(width, eps)
        self.attn = Attention(width, heads)
        self.ls1 = build_layer_scale(width, layer_scale)
        self.norm2 = build_norm(width, eps)
        self.mlp = Mlp(width, int(width * mlp_ratio), activation)
        self.ls2 = build_layer_scale(width, layer_scale)

    def forward(
        self,
        tokens_BND: Tensor,
        rotation: Rotation | None = None,
        gates_BNN: Tensor | None = None,
        shares_B2: Tensor | None = None,
    ) -> Tensor:
        """Pass tokens through attention and MLP.

        rotation, gates_BNN: see `Attention`.
        shares_B2: what attention and MLP of each image are multiplied by before they are added, for
            stochastic depth.
        """
        attended = self.ls1(self.attn(self.norm1(tokens_BND), rotation, gates_BNN))
        if shares_B2 is not None:
            attended = attended * shares_B2[:, :1, None]  # (B, 1, 1)
        tokens_BND = tokens_BND + attended

        mixed = self.ls2(self.mlp(self.norm2(tokens_BND)))
        if shares_B2 is not None:
            mixed = mixed * shares_B2[:, 1:, None]
        return tokens_BND + mixed


class CrossBlock(nn.Module):
    """A pre-norm block whose queries look at a memory and never at each other (Fu et al. 2024)."""

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_ratio: float,
        eps: float = NORM_EPS,
    ) -> None:
        super().__init__()
        self.norm1 = build_norm(width, eps)
        self.attn = CrossAttention(width, heads)
        self.norm2 = build_norm(width, eps)
        self.mlp = Mlp(width, int(width * mlp_ratio))

    def forward(
        self,
        queries_BKD: Tensor,
        memory_BVD: Tensor,
        rotations: tuple[Rotation, Rotation] | None = None,
        gates_BKV: Tensor | None = None,
    ) -> Tensor:
        """Pass queries through attention and MLP; rotations and gates as in `CrossAttention`."""
        attended = self.attn(self.norm1(queries_BKD), memory_BVD, rotations, gates_BKV)
        queries_BKD = queries_BKD + attended
        return queries_BKD + self.mlp(self.norm2(queries_BKD))
