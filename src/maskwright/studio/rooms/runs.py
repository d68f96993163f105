"""Runs: the register as a table, curves that grow while runs train, sheets, masks and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from maskwright.studio.answers import field, get, post, read_json
from maskwright.studio.context import Studio
from maskwright.studio.run_shelf import RunShelf
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.runs.metric_stream import curve_names, read_new_rows, to_curves
from maskwright.workflows.runs.row_table import differing_settings
from maskwright.workflows.runs.run_folder import RunFolder

# More curves in one chart cannot be told apart.
MOST_TOGETHER = 8
# Pictures of a run that the page shows: patterns below its folder.
_PICTURES = {"samples": "samples/epoch_*.png", "masks": "masks/*.png"}


def routes(studio: Studio) -> list[Route]:
    """The routes of the room."""
    room = _Runs(studio)
    return [
        get("/api/runs/list", room.listed),
        post("/api/runs/curves", room.curves),
        get("/api/runs/detail", room.detail),
        get("/api/runs/picture", room.picture),
        get("/api/runs/differences", room.differences),
    ]


class _Runs:
    """What the routes answer."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._shelf = RunShelf()

    def _place(self, name: str) -> Path:
        return self._studio.folders.inside("runs", name)

    async def listed(self, request: Request) -> dict[str, Any]:
        if "runs" not in self._studio.folders:
            return {"folder": self._studio.settings.runs, "version": "", "rows": []}
        root = self._studio.folders.root("runs")
        known = request.query_params.get("version", "")
        return {
            "folder": str(root),
            **await self._studio.read(lambda: self._shelf.listed(root, known)),
        }

    async def curves(self, request: Request) -> dict[str, Any]:
        body = await read_json(request)
        asked, names = field(body, "runs", list), field(body, "names", list)
        if len(asked) > MOST_TOGETHER:
            raise MaskwrightError(f"At most {MOST_TOGETHER} runs are drawn together.")
        if not all(isinstance(name, str) for name in names):
            raise MaskwrightError("Names of curves are texts.")

        def read_all() -> list[dict[str, Any]]:
            # What is no mapping has no run, and `field` says so.
            runs = [item if isinstance(item, dict) else {} for item in asked]
            return [
                _curves(
                    self._place(field(item, "run", str)), field(item, "position", str), list(names)
                )
                for item in runs
            ]

        return {"runs": await self._studio.read(read_all)}

    async def detail(self, request: Request) -> dict[str, Any]:
        folder = self._place(request.query_params.get("run", ""))
        return await self._studio.read(lambda: _detail(folder))

    async def picture(self, request: Request) -> Response:
        folder = self._place(request.query_params.get("run", ""))
        data = await self._studio.read(
            lambda: _read_picture(folder, request.query_params.get("file", ""))
        )
        return Response(data, media_type="image/png", headers={"cache-control": "private"})

    async def differences(self, request: Request) -> dict[str, Any]:
        names = request.query_params.getlist("run")[:MOST_TOGETHER]
        rows = await self._studio.read(
            lambda: [self._shelf.row(self._place(name), name) for name in names]
        )
        differing = differing_settings(rows)
        shown = []
        for row in rows:
            settings = {name: row.settings.get(name) for name in differing}
            shown.append({"run": row.run, "settings": settings})
        known = {name for row in rows for name in row.settings}
        return {"names": differing, "same": len(known) - len(differing), "rows": shown}


def _curves(folder: Path, position: str, names: list[str]) -> dict[str, Any]:
    """What a run has written behind a position, as points by name."""
    part = read_new_rows(RunFolder(folder).metrics_file, position)
    last: dict[str, Any] = next((row for row in reversed(part.rows) if "seconds" in row), {})
    return {
        "position": part.position,
        "whole": part.is_whole,
        "names": curve_names(part.rows),
        "curves": to_curves(part.rows, names),
        # By these the page turns steps into pictures seen and minutes.
        "last": {name: last.get(name) for name in ("step", "images", "seconds")},
    }


def _detail(folder: Path) -> dict[str, Any]:
    """What a run left beside its numbers."""
    run = RunFolder(folder)
    status = run.status()
    pictures = {}
    for kind, pattern in _PICTURES.items():
        found = sorted(folder.glob(pattern))
        pictures[kind] = [path.relative_to(folder).as_posix() for path in found]
    return {
        "baselines": status.get("baselines") or {},
        "masks": status.get("masks") or {},
        "psnr": status.get("psnr"),
        "pictures": pictures,
        "device": status.get("device"),
        "parameters": status.get("parameters"),
        "images": status.get("pictures"),
        "error": status.get("error"),
    }


def _read_picture(folder: Path, file: str) -> bytes:
    """One of the pictures that `_detail` lists; raises MaskwrightError for anything else."""
    # Compared with what is there, so that no name is ever put together into a path.
    for pattern in _PICTURES.values():
        for path in folder.glob(pattern):
            is_own = path.relative_to(folder).as_posix() == file
            if is_own and path.resolve().is_relative_to(folder):
                return path.read_bytes()
    raise MaskwrightError("This run has no such picture.")
