"""maskwright: masked autoencoders in which the mask is the first-class choice."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_DOORS = {
    "survey": "maskwright.workflows.survey",
    "pretrain": "maskwright.workflows.pretrain",
    "evaluate": "maskwright.workflows.evaluate",
    "diagnose": "maskwright.workflows.diagnose",
    "doctor": "maskwright.workflows.doctor",
    "anomalies": "maskwright.workflows.anomalies",
    "finetune": "maskwright.workflows.finetune",
    "reconstruct": "maskwright.workflows.reconstruct",
    "masks": "maskwright.workflows.masks",
    "select": "maskwright.workflows.select",
    "compare": "maskwright.studies.study",
    "study": "maskwright.studies.study",
    "publish": "maskwright.studies.publishing",
    "load": "maskwright.workflows.encoder",
    "embed": "maskwright.workflows.embed",
    "neighbors": "maskwright.workflows.neighbors",
    "export": "maskwright.workflows.export",
    "list_runs": "maskwright.workflows.register",
    "Run": "maskwright.workflows.run",
    "open_run": "maskwright.workflows.run",
    "check_policy": "maskwright.masking.contract",
    "Scene": "maskwright.masking.policy",
    "split": "maskwright.patches.mask",
    "PatchMask": "maskwright.patches.mask",
    "Grid": "maskwright.patches.grid",
    "MaskwrightError": "maskwright.support.errors",
}

__all__ = ["__version__", *_DOORS]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command line starts without torch."""
    if name not in _DOORS:
        raise AttributeError(f"module 'maskwright' has no attribute '{name}'")
    return getattr(import_module(_DOORS[name]), name)


def __dir__() -> list[str]:
    return __all__
