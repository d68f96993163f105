"""Whether weights can be had from the Hugging Face Hub, without its client's minute of tries."""

from __future__ import annotations

import urllib.error
import urllib.request

# How long to wait for an answer of the Hub.
_SECONDS = 5.0


def can_fetch(repository: str) -> bool:
    """Whether weights of a repository, such as timm/resnet18.a1_in1k, lie in the cache or the Hub
    answers.

    Without a network the Hub's client would try for most of a minute, and log each try.
    """
    return is_cached(repository) or is_reachable()


def is_cached(repository: str) -> bool:
    """Whether the weights of a repository were fetched before."""
    from huggingface_hub import try_to_load_from_cache

    return any(
        isinstance(try_to_load_from_cache(repository, name), str)
        for name in ("model.safetensors", "pytorch_model.bin")
    )


def is_reachable() -> bool:
    """Whether the Hub answers within seconds."""
    from huggingface_hub.constants import ENDPOINT

    try:
        urllib.request.urlopen(ENDPOINT, timeout=_SECONDS).close()
    except (OSError, urllib.error.URLError):
        return False
    return True
