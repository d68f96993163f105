"""The attentive probe finds one telling token among many, which a mean over tokens does not."""

import json

import torch

from maskwright.evaluation.attentive_probe import (
    AttentiveSettings,
    TokenSet,
    measure_attentive_probe,
)

CPU = torch.device("cpu")


def hidden_in_one_token(count, seed, patches=25, width=12):
    """One patch, in a random place, carries the mark of the class and a flag; all others are loud
    noise without the flag.
    """
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    tokens = 2 * torch.randn(count, patches, width, generator=generator)
    tokens[:, :, 0] = 0
    place = torch.randint(patches, (count,), generator=generator)
    mark = torch.zeros(count, width)
    mark[torch.arange(count), 1 + labels] = 3.0
    mark[:, 0] = 5.0
    tokens[torch.arange(count), place] = mark
    return TokenSet(lambda ids: tokens[ids], labels, width)


def measure(epochs, seed=0):
    settings = AttentiveSettings(epochs=epochs, batch=50, queries=2, rates=(1e-4, 3e-2))
    sets = hidden_in_one_token(600, 0), hidden_in_one_token(300, 1)
    return measure_attentive_probe(
        *sets, settings, seed=seed, device=CPU, progress=lambda epoch, total: None
    )


def test_it_finds_the_telling_token_and_the_rate_that_learns():
    result = measure(epochs=25)
    assert result.answers.top1.value > 0.9
    assert result.rate == 3e-2
    assert result.tried[3e-2] > result.tried[1e-4]


def test_the_same_seed_gives_the_same_result_as_json():
    first, again = (json.dumps(measure(epochs=2).to_dict()) for _ in range(2))
    assert first == again
