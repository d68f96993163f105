"""What the machine offers: device, precision, cores, versions."""

from __future__ import annotations

import ctypes
import platform
import subprocess
from functools import lru_cache
from pathlib import Path

import torch

from maskwright import __version__
from maskwright.support.errors import MaskwrightError
from maskwright.support.processors import usable_count


def pick_device(name: str = "auto") -> torch.device:
    """Turn `auto`, `cpu`, `cuda`, `cuda:1` or `mps` into a device that is really there."""
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        # the first that is there, from the fastest to the slowest
        name = next(kind for kind, is_present in present.items() if is_present)
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise MaskwrightError(
            f"Unknown device '{name}'; use auto, cpu, cuda, cuda:N or mps."
        ) from error
    if not present.get(device.type, False):
        raise MaskwrightError(f"Device '{name}' is not available here; use --device auto or cpu.")
    return device


@lru_cache
def cpu_has_fast_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (AMX or AVX512-BF16).

    It is about 4 times as fast as float32 there, and slower elsewhere.
    """
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags


def pick_precision(device: torch.device) -> str:
    """Choose the precision for a device: bf16 where it is fast, else float32."""
    if device.type == "cuda":
        # older cards emulate bfloat16, slowly
        in_hardware = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bf16-mixed" if in_hardware else "16-mixed"
    if device.type == "cpu" and cpu_has_fast_bf16():
        return "bf16-mixed"
    return "32-true"


def cpu_count() -> int:
    """Number of CPU cores that this process may use, by its affinity and its container's quota."""
    return usable_count()


def describe_device(device: torch.device) -> str:
    """Name a device for people: 'NVIDIA H200', 'Apple MPS' or 'CPU, 2 cores'."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "Apple MPS" if device.type == "mps" else f"CPU, {cpu_count()} cores"


def versions() -> dict[str, str]:
    """Versions of what computes: Python, torch, this package, and its commit in a git checkout."""
    return {
        "maskwright": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": _commit(),
    }


def _commit() -> str:
    """The commit of the checkout that this file lies in, or "unknown" for an installed package."""
    root = Path(__file__).resolve().parents[3]
    # asked only in our own checkout: an installed package may lie inside someone else's
    if not (root / ".git").exists():
        return "unknown"
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return answer.stdout.strip() or "unknown"


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory for the next step; returns whether that was possible.

    A training step frees and asks for the same large blocks again and again; with the default each
    new block costs page faults (measured in docs/log.md). Peak memory does not change. Only glibc
    has this switch.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    # M_MMAP_MAX and M_TRIM_THRESHOLD of malloc.h: no block by mmap, and never give memory back
    mmap_max, trim_threshold = -4, -1
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(mmap_max, 0) and libc.mallopt(trim_threshold, 2**31 - 1))
