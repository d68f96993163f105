"""Studies: the report inside the page, and a running study arm by arm."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from maskwright.studies.overview import find_studies, view_study
from maskwright.studies.report.page import RECORD, REPORT
from maskwright.studio.answers import get
from maskwright.studio.context import Studio
from maskwright.support.errors import MaskwrightError

# The report may style itself and show the pictures that it holds; no script runs in it, and no
# other page may show it.
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)


def routes(studio: Studio) -> list[Route]:
    """The routes of the room."""
    entries = _Entries()

    def place(request: Request) -> Path:
        return studio.folders.inside("studies", request.query_params.get("study", ""))

    async def listed(request: Request) -> dict[str, Any]:
        if "studies" not in studio.folders:
            return {"folder": studio.settings.studies, "studies": []}
        root = studio.folders.root("studies")
        return {"folder": str(root), "studies": await studio.read(lambda: entries.listed(root))}

    async def progress(request: Request) -> dict[str, Any]:
        folder = place(request)
        view = await studio.read(lambda: view_study(folder))
        return asdict(view)

    async def report(request: Request) -> Response:
        page = place(request) / REPORT
        if not page.is_file():
            raise MaskwrightError("This study has no report yet.")
        return FileResponse(
            page, media_type="text/html", headers={"content-security-policy": REPORT_POLICY}
        )

    return [
        get("/api/studies/list", listed),
        get("/api/studies/progress", progress),
        get("/api/studies/report", report),
    ]


class _Entries:
    """The list of studies; those that are complete are looked at once."""

    def __init__(self) -> None:
        self._complete: dict[tuple[Path, int], dict[str, Any]] = {}

    def listed(self, root: Path) -> list[dict[str, Any]]:
        """Every study with how far it is; one that cannot be read says why."""
        return [self._entry(folder, root) for folder in find_studies(root)]

    def _entry(self, folder: Path, root: Path) -> dict[str, Any]:
        record = folder / RECORD
        # Written anew whenever anything about a complete study changes.
        mark = (folder, record.stat().st_mtime_ns if record.exists() else 0)
        if mark in self._complete:
            return self._complete[mark]
        place = {"study": folder.relative_to(root).as_posix()}
        try:
            view = view_study(folder)
        except MaskwrightError as error:
            return {**place, "name": folder.name, "error": str(error)}
        counts = {state: view.count(state) for state in ("done", "running", "failed", "waiting")}
        entry = {
            **place,
            "error": "",
            "name": view.name,
            "question": view.question,
            "trials": len(view.trials),
            "report": view.has_report,
            **counts,
        }
        if not counts["running"] and not counts["waiting"] and view.has_report:
            self._complete[mark] = entry
        return entry
