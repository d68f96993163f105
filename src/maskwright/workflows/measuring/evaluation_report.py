"""What an evaluation reports in words: a table with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from maskwright.support.text_table import format_table

# {encoder name: {probe: result}}
Results = Mapping[str, Mapping[str, Mapping[str, Any]]]


# Numbers of results in the order in which they are shown, and their titles; the first that a result
# has stands for it in tables.
NUMBERS = {
    "top1": "top-1",
    "top5": "top-5",
    "auroc": "AUROC",
    "miou": "mIoU",
    "accuracy": "pixels right",
    "r2": "R2",
    "mae": "MAE",
}
# More probes than this do not fit beside each other on a line.
MOST_PER_LINE = 2
# Short names are padded to this width, so that single lines stand below each other.
NAME_WIDTH = 16


def format_results(results: Results) -> list[str]:
    """One line per encoder for up to two probes, else a table with a row per probe."""
    # In the order of the command line; raw pixels lack some.
    probes: dict[str, None] = {}
    for by_probe in results.values():
        probes |= dict.fromkeys(by_probe)
    if len(probes) > MOST_PER_LINE:
        rows = [["", *results]]
        for probe in probes:
            measured = [by_probe.get(probe) for by_probe in results.values()]
            number = next(_main_number(result) for result in measured if result is not None)
            cells = [_format_cell(result) for result in measured]
            rows.append([f"{probe}, {NUMBERS[number]}", *cells])
        return format_table(rows, gap=3)

    return lines_of_probes(results, _format)


def lines_of_probes(
    results: Results, format_result: Callable[[Mapping[str, Any]], str]
) -> list[str]:
    """One line per name: what each probe says of it, with the names below each other."""
    width = max([NAME_WIDTH, *map(len, results)])
    lines = []
    for name, by_probe in results.items():
        parts = [f"{probe}: {format_result(result)}" for probe, result in by_probe.items()]
        lines.append(f"  {name:<{width}} " + "   ".join(parts))
    return lines


def _format_cell(result: Mapping[str, Any] | None) -> str:
    """The main number with its interval; `-` where an encoder was not measured so."""
    if result is None:
        return "-"
    text = _format_interval(result[_main_number(result)])
    if result.get("spread") is not None:
        text += f" +-{result['spread']:.3f}"
    if result.get("layer") is not None:
        text += f" block {result['layer']}"
    return text


def _format(result: Mapping[str, Any]) -> str:
    """All that one probe measured, on a line."""
    parts = []
    for key, title in NUMBERS.items():
        if result.get(key) is not None:
            parts.append(f"{title} {_format_interval(result[key])}")
    if result.get("spread") is not None:
        parts.append(f"(+-{result['spread']:.3f} over {len(result['by_draw'])} draws)")
    if result.get("layer") is not None:
        parts.append(f"at block {result['layer']} of {len(result['by_layer'])}")
    return " ".join(parts)


def _main_number(result: Mapping[str, Any]) -> str:
    return next(key for key in NUMBERS if result.get(key) is not None)


def _format_interval(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"
