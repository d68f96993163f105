"""Paint: hide patches of a picture by hand or by a policy, and see what models fill in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from maskwright.studio.answers import field, get, post, read_json
from maskwright.studio.context import Studio
from maskwright.studio.images import to_address, to_png
from maskwright.studio.painted import Scenery, read_asked_mask, read_models, see
from maskwright.support.errors import MaskwrightError
from maskwright.visual.png import to_png_bytes
from maskwright.workflows.filling.arms import needed_maps
from maskwright.workflows.live.fill import (
    attend_from,
    fill_live,
    format_mask,
    parse_mask,
    score_trivial_fills,
)
from maskwright.workflows.live.options import policy_cards
from maskwright.workflows.live.sheet import (
    PaintedPicture,
    draw_sheet,
    format_command,
    painted_choice,
)
from maskwright.workflows.runs.run_folder import slug


def routes(studio: Studio) -> list[Route]:
    """The routes of the room."""

    async def model(request: Request) -> dict[str, Any]:
        asked = request.query_params.get("model", "")
        return await studio.compute(request, f"model {asked}", lambda: describe(studio, asked))

    async def picture(request: Request) -> Response:
        words = request.query_params

        def draw() -> bytes:
            seen = see(studio, words.get("model", ""), words.get("picture", ""))
            return to_png(seen.image.permute(1, 2, 0).contiguous().numpy())

        data = await studio.compute(request, "picture", draw)
        return Response(data, media_type="image/png")

    # What is asked for while painting: each kind replaces its own older request.
    def painted(what: str, work: Any) -> Route:
        async def answer(request: Request) -> Any:
            body = await read_json(request)
            return await studio.compute(request, what, lambda: work(studio, body))

        return post(f"/api/paint/{what}", answer)

    return [
        get("/api/paint/model", model),
        get("/api/paint/picture", picture),
        painted("fill", fill),
        painted("trivial", trivial),
        painted("policy", draw_policy),
        painted("attention", attention),
        painted("sheet", sheet),
    ]


def describe(studio: Studio, model: str) -> dict[str, Any]:
    """The shape of a model, and the policies that it may be shown."""
    loaded = studio.models.load(model)
    grid, settings = loaded.model.grid, loaded.settings
    # Others can neither be shown nor be saved as a picture.
    if loaded.model.config.channels not in (1, 3, 4):
        raise MaskwrightError("The studio shows models of gray, color or transparent pictures.")
    return {
        "id": model,
        "rows": grid.rows,
        "cols": grid.cols,
        "patch_size": grid.patch_size,
        "target": str(loaded.model.target),
        "policy": str(settings.get("policy", "random")),
        "policies": policy_cards(),
    }


def fill(studio: Studio, body: Mapping[str, Any]) -> dict[str, Any]:
    """What each model makes of the picture under the mask."""
    fills = []
    for model in read_models(body):
        seen = see(studio, model, field(body, "picture", str))
        mask = parse_mask(field(body, "mask", str), seen.loaded)
        made = fill_live(seen.loaded, seen.image, mask, studio.device)
        fills.append(
            {
                "model": model,
                "composite": to_address(to_png(made.composite)),
                "error": to_address(to_png(made.error)),
                "scores": made.scores,
            }
        )
    return {"fills": fills}


def trivial(studio: Studio, body: Mapping[str, Any]) -> dict[str, Any]:
    """How far one comes without a model, in the same numbers."""
    seen = see(studio, read_models(body)[0], field(body, "picture", str))
    mask = parse_mask(field(body, "mask", str), seen.loaded)
    return {"fills": score_trivial_fills(seen.loaded, seen.image, mask)}


def draw_policy(studio: Studio, body: Mapping[str, Any]) -> dict[str, Any]:
    """The mask of a policy on the picture."""
    seen = see(studio, read_models(body)[0], field(body, "picture", str))
    return {"mask": format_mask(read_asked_mask(body).draw(seen))}


def attention(studio: Studio, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a patch of the whole picture attends to, layer by layer, in each model."""
    patch = field(body, "patch", int)
    layers = []
    for model in read_models(body):
        seen = see(studio, model, field(body, "picture", str))
        layers.append(attend_from(seen.loaded, seen.image, patch, studio.device))
    return {"layers": layers}


def sheet(studio: Studio, body: Mapping[str, Any]) -> dict[str, Any]:
    """The sheet and numbers of `maskwright reconstruct`, and the command that gives the same."""
    models = read_models(body)
    picture = field(body, "picture", str)
    seen = see(studio, models[0], picture)
    name = studio.pictures.name(picture)
    stem = slug(Path(name).stem)
    painted = _paint(seen, body, name, f"{stem}-mask.png")
    candidates = [studio.models.entry(model).candidate for model in models]
    pixels, numbers = draw_sheet(candidates, painted, studio.device)
    return {
        "stem": stem,
        "sheet": to_address(to_png_bytes(pixels)),
        "numbers": numbers,
        "mask": format_mask(painted.mask),
        **_command(studio, picture, stem, [item.place for item in candidates], painted),
    }


def _paint(seen: Scenery, body: Mapping[str, Any], name: str, file: str) -> PaintedPicture:
    """The picture under the mask of a request, and how the command gets the same mask.

    file: where a painted mask will lie.
    """
    if body.get("policy") is None:
        mask = parse_mask(field(body, "mask", str), seen.loaded)
        return PaintedPicture(name, seen.image, mask, painted_choice(file, mask), seed=0)
    asked = read_asked_mask(body)
    mask = asked.draw(seen)
    # A single file has no maps beside it: the command takes the mask that they led to.
    if needed_maps([asked.choice], seen.loaded):
        return PaintedPicture(name, seen.image, mask, painted_choice(file, mask), asked.seed)
    return PaintedPicture(name, seen.image, mask, asked.choice, asked.seed)


def _command(
    studio: Studio, picture: str, stem: str, places: Sequence[str], painted: PaintedPicture
) -> dict[str, Any]:
    """The command, and whether it needs the copy of the picture that can be downloaded."""
    place = studio.pictures.place(picture)
    file = place or f"{stem}-picture.png"
    return {
        "command": format_command(places, file, painted.choice, painted.seed),
        "needs_picture": place is None,
    }
