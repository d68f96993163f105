"""The reference: the public API, and the modules that other programs may build upon."""

from __future__ import annotations

import inspect
from pathlib import Path

import maskwright

ROOMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "patches": (
        "Grids, exact masks, patches and predictions.",
        (
            "maskwright.patches.grid",
            "maskwright.patches.mask",
            "maskwright.patches.pixels",
            "maskwright.patches.prediction",
            "maskwright.patches.target",
        ),
    ),
    "schedules": ("Numbers that change while training.", ("maskwright.schedules",)),
    "masking": (
        "The contract of policies, and building one from a line of text.",
        (
            "maskwright.masking.policy",
            "maskwright.masking.stateful",
            "maskwright.masking.catalog",
            "maskwright.masking.contract.suite",
        ),
    ),
    "losses": (
        "The contract of loss terms, and their weighted sum.",
        ("maskwright.losses.term", "maskwright.losses.objective"),
    ),
    "targets": ("Building a target from a line of text.", ("maskwright.targets.building",)),
    "models": (
        "Encoder, decoder and both together.",
        (
            "maskwright.models.config",
            "maskwright.models.encoder",
            "maskwright.models.autoencoder",
            "maskwright.models.cost",
        ),
    ),
    "support": ("Errors and chance.", ("maskwright.support.errors", "maskwright.support.seeding")),
}


def write_reference(out: Path) -> None:
    """Write a page of the public names and one for each room."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "index.md").write_text(_format_index(), encoding="utf-8")
    for room, (about, modules) in ROOMS.items():
        lines = [f"# `{room}`", "", about, "", "```{eval-rst}"]
        for module in modules:
            lines += [f".. automodule:: {module}", "   :members:", "   :noindex:", ""]
        (out / f"{room}.md").write_text("\n".join([*lines, "```", ""]), encoding="utf-8")


def _format_index() -> str:
    lines = [
        "# Reference",
        "",
        "What `import maskwright` gives. Nothing is imported before it is used. Each function takes"
        " the same settings as the command of its name; `maskwright COMMAND --help` lists them.",
        "",
        "A name on this page changes only after one release in which the old form still works and"
        " warns. Names of the rooms below may change from one minor release to the next, and the"
        " changelog says so.",
        "",
        "```{eval-rst}",
    ]
    for name in maskwright.__all__:
        if name == "__version__":
            continue
        owner = getattr(maskwright, name)
        kind = "autoclass" if inspect.isclass(owner) else "autofunction"
        lines += [f".. {kind}:: maskwright.{name}"]
        lines += ["   :members:", ""] if kind == "autoclass" else [""]
    rooms = ["```", "", "## Rooms", "", "```{toctree}", *ROOMS, "```", ""]
    return "\n".join([*lines, *rooms])
