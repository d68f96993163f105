"""Pictures of what is measured: probes and diagnostics, asked of the model of the zoo."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import maskwright
from maskwright.visual.charts import BarPanel, Bars, bar_chart
from maskwright.visual.png import to_png_bytes
from site_pages.materials import MODEL, QUIET, Materials

RENDERED = "shapes-textures:n=160,size=32"
# Pictures that some diagnostics need beside those with labels.
CONFLICTING = "shapes-textures:n=120,size=32,cues=conflict"
ON_TEXTURED_GROUND = "shapes-textures:n=120,size=32,background=1"
# Without random weights and raw pixels: each would take as long again.
SLOW = ("few_shot", "cross_validated", "attentive", "layers", "finetune", "linear_official")


def draw_probe(materials: Materials, line: str, out: Path) -> None:
    """What a probe says of the model, and of random weights and raw pixels beside it."""
    data, asked = RENDERED, line
    # Two probes need a truth for every pixel or picture, which rendered shapes do not have.
    if "maps" in line or "values" in line:
        disks = materials.disks
        asked = line.replace("'MAPS'", f"'{disks / 'maps'}'")
        asked = asked.replace("'numbers.csv'", f"'{disks / 'numbers.csv'}'")
        data = str(disks / "pictures")
    folder = _fresh(materials.place / "eval")
    results = maskwright.evaluate(
        MODEL,
        data,
        probe=asked,
        out=str(folder),
        cache=False,
        baselines=not line.startswith(SLOW),
        device="cpu",
        reporter=QUIET,
    )
    # A probe's own figure says more than bars; one of a baseline is not asked for.
    drawn = [path for path in folder.glob("*.png") if "confusion" not in path.name]
    own = [path for path in drawn if "this" in path.name or "by_depth" in path.name]
    if own:
        shutil.copy(own[0], out)
    else:
        out.write_bytes(to_png_bytes(_draw_bars(results, line)))


def draw_diagnostic(materials: Materials, line: str, out: Path) -> None:
    """The figure of a diagnostic for the model of the zoo."""
    folder = _fresh(materials.place / "diagnose")
    data, more = RENDERED, {}
    if line == "texture":
        more = {"textures": str(materials.textures)}
    elif line == "stylized":
        more = {"stylized": ON_TEXTURED_GROUND}
    elif line == "cue-conflict":
        # Where cues agree, a probe may learn either of them; then both are asked apart.
        data, more = f"{RENDERED},cues=agree", {"stimuli": CONFLICTING}
    maskwright.diagnose(
        MODEL,
        on=data,
        tests=line,
        out=str(folder),
        baselines=False,
        device="cpu",
        reporter=QUIET,
        **more,
    )
    shutil.copy(next(folder.glob("*.png")), out)


def _fresh(folder: Path) -> Path:
    """An empty folder, so that the figure in it is the new one."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _draw_bars(results: dict[str, Any], line: str) -> Any:
    """The first number of each encoder that has an interval, as bars."""
    # One probe was asked, so each encoder has one result.
    names: list[str] = []
    found: list[dict[str, Any]] = []
    for encoder, by_probe in results.items():
        for result in by_probe.values():
            names.append(encoder)
            found.append(next(_intervals(result)))
    bars = Bars(
        line,
        tuple(names),
        tuple(interval["value"] for interval in found),
        tuple(interval["low"] for interval in found),
        tuple(interval["high"] for interval in found),
    )
    return bar_chart(BarPanel("encoder", found[0]["name"], [bars]), line)


def _intervals(result: Any, name: str = "") -> Iterator[dict[str, Any]]:
    """Every number with an interval inside a result, each with its name, in their order."""
    if not isinstance(result, dict):
        return
    # The first is the main number of a probe: results are written in that order.
    if {"value", "low", "high"} <= set(result):
        yield {**result, "name": name}
    for key, value in result.items():
        yield from _intervals(value, str(key))
