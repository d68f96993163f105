"""A live peer: transformers' ViTMAE with the same weights gives the same numbers in float64, in
both directions.
"""

import pytest
import torch

from maskwright.losses.objective import build_objective
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.mask import PatchMask
from maskwright.support.seeding import torch_generator
from maskwright.weights.fair_mae import from_official, to_official
from maskwright.weights.hints import Hints

transformers = pytest.importorskip("transformers")

BLOCK = {
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "attention.o_proj": "attn.proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
STEMS = {"vit.layers.": "blocks.", "decoder.decoder_layers.": "decoder_blocks."}
PLAIN = {
    "vit.embeddings.cls_token": "cls_token",
    "vit.embeddings.position_embeddings": "pos_embed",
    "vit.embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "vit.embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "vit.layernorm.weight": "norm.weight",
    "vit.layernorm.bias": "norm.bias",
}


def official_name(name):
    """The official name of a peer's parameter, with its third of qkv (None when it is whole)."""
    if name in PLAIN:
        return PLAIN[name], None
    for stem, ours in STEMS.items():
        if name.startswith(stem):
            index, rest = name.removeprefix(stem).split(".", 1)
            part, leaf = rest.rsplit(".", 1)
            if part[:-6] == "attention." and part[-6:] in ("q_proj", "k_proj", "v_proj"):
                return f"{ours}{index}.attn.qkv.{leaf}", "qkv".index(part[-6])
            return f"{ours}{index}.{BLOCK[part]}.{leaf}", None
    return name.removeprefix("decoder."), None


def copy_to_peer(state, peer):
    """Fill every parameter of the peer: a new one has zero positions, so nothing may keep its first
    value.
    """
    with torch.no_grad():
        for name, parameter in peer.named_parameters():
            official, third = official_name(name)
            value = state[official]
            parameter.copy_(value if third is None else value.chunk(3)[third])


def copy_from_peer(peer):
    thirds, state = {}, {}
    for name, parameter in peer.named_parameters():
        official, third = official_name(name)
        if third is None:
            state[official] = parameter.detach()
        else:
            thirds.setdefault(official, {})[third] = parameter.detach()
    return state | {
        name: torch.cat([parts[index] for index in range(3)]) for name, parts in thirds.items()
    }


def build_pair(target):
    ours = MaskedAutoencoder(
        ModelConfig(
            image_size=(16, 16),
            patch_size=4,
            width=24,
            depth=2,
            heads=3,
            decoder_width=16,
            decoder_depth=2,
            decoder_heads=2,
            target=target,
        )
    )
    rng = torch_generator(1)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    peer = transformers.ViTMAEForPreTraining(
        transformers.ViTMAEConfig(
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=96,
            image_size=16,
            patch_size=4,
            decoder_hidden_size=16,
            decoder_num_hidden_layers=2,
            decoder_num_attention_heads=2,
            decoder_intermediate_size=64,
            mask_ratio=0.75,
            norm_pix_loss=target == "normalized",
            layer_norm_eps=1e-6,
        )
    )
    return ours.double(), peer.double()


@pytest.mark.parametrize("target", ["raw", "normalized"])
def test_latents_predictions_loss_and_a_gradient_agree(target):
    ours, peer = build_pair(target)
    copy_to_peer(to_official(ours), peer)
    rng = torch_generator(2)
    images = torch.randn(2, 3, 16, 16, generator=rng, dtype=torch.float64)
    noise = torch.rand(2, 16, generator=rng, dtype=torch.float64)
    theirs = peer(images, noise=noise, output_hidden_states=True)
    mask = PatchMask.from_is_masked(theirs.mask.bool())
    prediction = ours(images, mask)
    rows = torch.arange(2)[:, None]
    order = noise.argsort(1)[:, : mask.num_visible].argsort(1)
    latent = peer.vit(images, noise=noise).last_hidden_state
    torch.testing.assert_close(
        prediction.latent[:, 1:], latent[:, 1:][rows, order], rtol=0, atol=1e-10
    )
    torch.testing.assert_close(
        prediction.values, theirs.logits[rows, mask.predicted_ids], rtol=0, atol=1e-10
    )
    total = build_objective("mse")(prediction, images).total
    assert total.item() == pytest.approx(theirs.loss.item(), abs=1e-6)
    total.backward()
    theirs.loss.backward()
    slope = peer.vit.layers[0].mlp.fc1.weight.grad
    torch.testing.assert_close(
        ours.encoder.blocks[0].mlp.fc1.weight.grad, slope, rtol=1e-5, atol=1e-6
    )


def test_weights_taken_from_the_peer_give_our_model_back():
    ours, peer = build_pair("raw")
    copy_to_peer(to_official(ours), peer)
    config, state = from_official(
        copy_from_peer(peer), Hints(heads=3, decoder_heads=2, target="raw")
    )
    assert config == ours.config
    assert all(torch.equal(state[name], value) for name, value in ours.state_dict().items())
