"""Neighbors: features of pictures as a map, with the nearest pictures of each."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from maskwright.evaluation.projection import installed_methods
from maskwright.studio.answers import field, get, post, read_json
from maskwright.studio.context import Studio
from maskwright.studio.feature_shelf import FeatureShelf
from maskwright.support.errors import MaskwrightError

# Names and thumbnails are asked for in portions.
MOST_NAMED = 200
NEAREST = 12


def routes(studio: Studio) -> list[Route]:
    """The routes of the room."""
    shelf = FeatureShelf(studio)

    async def listed(request: Request) -> dict[str, Any]:
        files = await studio.read(shelf.listed)
        return {"files": files, "methods": installed_methods()}

    async def drawn(request: Request) -> dict[str, Any]:
        file = request.query_params.get("file", "")
        method = request.query_params.get("method", "pca")
        # On the thread of models, since t-SNE takes both cores for seconds.
        return await studio.compute(request, "map", lambda: shelf.map(file, method))

    async def nearest(request: Request) -> dict[str, Any]:
        file = request.query_params.get("file", "")
        row = _row(request.query_params.get("row", ""))
        return await studio.read(lambda: shelf.nearest(file, row, NEAREST))

    async def named(request: Request) -> dict[str, Any]:
        body = await read_json(request)
        file, rows = field(body, "file", str), field(body, "rows", list)
        if len(rows) > MOST_NAMED or not all(type(row) is int for row in rows):
            raise MaskwrightError(f"Ask for at most {MOST_NAMED} pictures by their numbers.")
        return {"pictures": await studio.read(lambda: shelf.named(file, rows))}

    return [
        get("/api/neighbors/list", listed),
        get("/api/neighbors/map", drawn),
        get("/api/neighbors/nearest", nearest),
        post("/api/neighbors/named", named),
    ]


def _row(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise MaskwrightError("There is no such picture in this file of features.")
    return int(text)
