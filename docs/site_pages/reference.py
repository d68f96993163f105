"""The reference: the public API, and the modules that other programs may build upon."""

from __future__ import annotations

import inspect
from pathlib import Path

import maskwright
from site_pages.docstrings import read_docstring
from site_pages.files import write_changed

# Page -> heading, a sentence, names.
PUBLIC: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "commands": (
        "Functions that are commands",
        "Each does what the command of its name does, and returns what came out.",
        (
            *("survey", "masks", "pretrain", "doctor", "reconstruct", "evaluate", "finetune"),
            *("diagnose", "anomalies", "embed", "neighbors", "select", "export"),
            *("compare", "study", "publish"),
        ),
    ),
    "objects": (
        "Runs, encoders and masks",
        "What programs work with: runs and their models, and the parts that policies are made of.",
        (
            *("Run", "open_run", "list_runs", "load"),
            *("Scene", "Grid", "PatchMask", "split", "check_policy", "MaskwrightError"),
        ),
    ),
}
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
    "schedules": (
        "Numbers that change while training.",
        ("maskwright.schedules.shapes", "maskwright.schedules.parse"),
    ),
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
    write_changed(out / "index.md", _format_index())
    for name, (title, about, names) in PUBLIC.items():
        # Autodoc speaks reStructuredText, so its lines stand in a block of it.
        lines = [f"# {title}", "", about, "", "```{eval-rst}"]
        for public in names:
            lines += _directive(public)
        write_changed(out / f"{name}.md", "\n".join([*lines, "```", ""]))
    for room, (about, modules) in ROOMS.items():
        lines = [f"# Room `{room}`", "", about, ""]
        for module in modules:
            lines += [f"## `{module}`", "", "```{eval-rst}", f".. automodule:: {module}"]
            lines += ["   :members:", "```", ""]
        write_changed(out / f"{room}.md", "\n".join(lines))


def public_names() -> list[str]:
    """Every name that `import maskwright` gives."""
    return [name for name in maskwright.__all__ if name != "__version__"]


def _directive(name: str) -> list[str]:
    # Of classes, methods are shown where they are documented.
    if inspect.isclass(getattr(maskwright, name)):
        return [f".. autoclass:: maskwright.{name}", "   :members:", ""]
    return [f".. autofunction:: maskwright.{name}", ""]


def _format_index() -> str:
    rows = []
    for name in public_names():
        # The first sentence of what it is, as a list of contents.
        sentence = read_docstring(getattr(maskwright, name)).sentences()[0]
        rows.append(f"| {{py:obj}}`{name} <maskwright.{name}>` | {sentence} |")
    return "\n".join(
        [
            "# Reference",
            "",
            "This is what `import maskwright` gives. Nothing is imported before it is used.",
            "",
            "Each function that is also a command takes the same settings as the command:"
            " `maskwright COMMAND --help` lists them too. What a user can mend is raised as"
            " `MaskwrightError`, whose text says what is wrong, what came and what to do.",
            "",
            "| name | what it is |",
            "|---|---|",
            *rows,
            "",
            "A name of this table changes only after one release in which the old form still works"
            " and warns. Names of the rooms may change from one minor release to the next, and the"
            " [changelog](../changelog.md) says so. Sizes of tensors are written in the"
            " [letters of the map](../../map.md#shape-letters).",
            "",
            "```{toctree}",
            ":hidden:",
            "",
            *PUBLIC,
            *ROOMS,
            "```",
            "",
        ]
    )
