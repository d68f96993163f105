"""Routes of the pictures, which all rooms share: the list, thumbnails, and uploads."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import unquote

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from maskwright.data.pixels.decode import DecodeOptions
from maskwright.data.pixels.pixel_values import fit_pixels
from maskwright.studio.answers import get, post
from maskwright.studio.context import Studio
from maskwright.studio.guard import UPLOADS
from maskwright.support.errors import MaskwrightError

MOST_LISTED = 200
THUMBNAIL = 96


def picture_routes(studio: Studio) -> list[Route]:
    """The routes."""

    async def listed(request: Request) -> dict[str, Any]:
        start = whole(request.query_params.get("start", "0"))
        count = min(MOST_LISTED, whole(request.query_params.get("count", "60")))
        return {"total": len(studio.pictures), "pictures": studio.pictures.listed(start, count)}

    async def thumbnail(request: Request) -> Response:
        picture = request.path_params["picture"]
        data = await studio.read(lambda: draw_thumbnail(studio, picture))
        return Response(data, media_type="image/webp", headers={"cache-control": "private"})

    async def add(request: Request) -> dict[str, str]:
        data = await request.body()
        # A header holds ASCII alone, so the page sends the file's name quoted.
        name = unquote(request.headers.get("x-name", "picture"))
        picture = await studio.read(lambda: studio.pictures.add(data, name))
        return {
            "id": picture,
            "name": studio.pictures.name(picture),
            "note": studio.pictures.note(picture),
        }

    return [
        get("/api/pictures", listed),
        post(UPLOADS, add),
        get("/api/pictures/{picture}/thumbnail", thumbnail),
    ]


def whole(text: str) -> int:
    """A number from an address; raises MaskwrightError for anything else."""
    # Digits of other scripts are decimal too, and thousands of them take `int` seconds.
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise MaskwrightError(f"Expected a whole number; got '{text[:20]}'.")
    return int(text)


def draw_thumbnail(studio: Studio, picture: str) -> bytes:
    """A small WebP of one picture."""
    # As all pictures are read, so that a thumbnail has the rotation and the depth of the picture.
    options = DecodeOptions(channels=3, short_side=THUMBNAIL)
    pixels = fit_pixels(studio.pictures.pixels(picture, options), options)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="webp", quality=80)
    return buffer.getvalue()
