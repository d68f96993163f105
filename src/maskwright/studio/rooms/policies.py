"""Policies: all of them on one picture at one ratio, their geometry, and schedules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from maskwright.studio.answers import field, get, post, read_json
from maskwright.studio.context import Studio
from maskwright.studio.painted import AskedMask, Scenery, read_asked_mask, see
from maskwright.studio.policy_text import LONGEST, check_policy_text
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.filling.arms import MaskChoice
from maskwright.workflows.live.fill import format_mask
from maskwright.workflows.live.masks import measure_live, trace_schedule

# As many policies as a person may want to see at once.
MOST_POLICIES = 40


def routes(studio: Studio) -> list[Route]:
    """The routes of the room."""

    async def masks(request: Request) -> dict[str, Any]:
        body = await read_json(request)
        return await studio.compute(request, "masks", lambda: draw_all(studio, body))

    async def geometry(request: Request) -> dict[str, Any]:
        body = await read_json(request)
        asked = read_asked_mask(body)
        what = f"geometry {asked.choice.policy}"
        return await studio.compute(request, what, lambda: measure(studio, body, asked))

    async def schedule(request: Request) -> dict[str, Any]:
        text = request.query_params.get("text", "")[:LONGEST]
        return {"points": trace_schedule(text)}

    return [
        post("/api/policies/masks", masks),
        post("/api/policies/geometry", geometry),
        get("/api/policies/schedule", schedule),
    ]


def draw_all(studio: Studio, body: Mapping[str, Any]) -> dict[str, Any]:
    """The mask of each policy on the picture, or a sentence on why there is none."""
    seen = see(studio, field(body, "model", str), field(body, "picture", str))
    policies = field(body, "policies", list)[:MOST_POLICIES]
    asked = read_asked_mask({**body, "policy": "random"})
    return {"masks": [_draw(seen, asked, str(policy)) for policy in policies]}


def measure(studio: Studio, body: Mapping[str, Any], asked: AskedMask) -> dict[str, Any]:
    """The geometry of one policy's masks, and how often each position is hidden."""
    seen = see(studio, field(body, "model", str), field(body, "picture", str))
    geometry, draws = measure_live(seen.loaded, seen.picture, asked.choice, asked.seed)
    return {
        "numbers": geometry.numbers(),
        "share": geometry.share_masked.flatten().tolist(),
        "draws": draws,
    }


def _draw(seen: Scenery, asked: AskedMask, policy: str) -> dict[str, str]:
    try:
        choice = MaskChoice(check_policy_text(policy), asked.choice.ratio)
        return {"policy": policy, "mask": format_mask(replace(asked, choice=choice).draw(seen))}
    except MaskwrightError as error:
        # The others are shown all the same.
        return {"policy": policy, "reason": str(error)}
