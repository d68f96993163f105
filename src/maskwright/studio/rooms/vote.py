"""Vote: people compare fills of the same masked picture, and see no model's name before the end."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from maskwright.studies.voting.ballot import prepare_ballot
from maskwright.studies.voting.ballot_box import BallotBox
from maskwright.studies.voting.vote_results import count_votes
from maskwright.studies.voting.vote_table import format_votes, vote_lines
from maskwright.studio.answers import field, get, post, read_json
from maskwright.studio.ballots import Ballots, read_settings
from maskwright.studio.context import Studio
from maskwright.support.errors import MaskwrightError


def routes(studio: Studio) -> list[Route]:
    """The routes of the room."""
    room = _Votes(studio)
    return [
        get("/api/vote/list", room.listed),
        get("/api/vote/choices", room.choices),
        post("/api/vote/make", room.make),
        get("/api/vote/{vote}/state", room.show),
        post("/api/vote/{vote}/join", room.join),
        post("/api/vote/{vote}/ask", room.ask),
        get("/api/vote/{vote}/picture/{token}/{part}", room.picture),
        post("/api/vote/{vote}/close", room.close),
        get("/api/vote/{vote}/results", room.results),
        get("/api/vote/{vote}/votes.csv", room.table),
    ]


class _Votes:
    """What the routes answer."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._ballots = Ballots(studio)

    def _box(self, request: Request) -> BallotBox:
        return self._ballots.open(request.path_params["vote"])

    async def listed(self, request: Request) -> dict[str, Any]:
        return {"votes": await self._studio.read(self._ballots.listed)}

    async def choices(self, request: Request) -> dict[str, Any]:
        """What a new vote may be about; raters never ask for it."""
        studies = await self._studio.read(self._ballots.studies)
        return {"studies": studies, "data": self._studio.settings.data}

    async def make(self, request: Request) -> dict[str, str]:
        body = await read_json(request)
        settings, path = await self._studio.read(
            lambda: read_settings(self._studio, self._ballots, body)
        )

        def work() -> str:
            BallotBox.create(path, prepare_ballot(settings))
            return self._ballots.id_of(path)

        # On the thread of models: nobody else's fill should wait for memory.
        return {"vote": await self._studio.compute(request, "vote", work)}

    async def show(self, request: Request) -> dict[str, Any]:
        return asdict(await self._studio.read(lambda: self._box(request).state()))

    async def join(self, request: Request) -> dict[str, str]:
        name = field(await read_json(request), "name", str)
        return {"secret": await self._studio.read(lambda: self._box(request).join(name))}

    async def ask(self, request: Request) -> dict[str, Any]:
        """Take an answer, or take one back, where the request has it; then the next question."""
        body = await read_json(request)
        secret = field(body, "secret", str)

        # One request for both: a rater on a slow line waits once for each question.
        def work() -> dict[str, Any]:
            box = self._box(request)
            if body.get("back") is True:
                box.take_back(secret)
            elif "answer" in body:
                box.answer(secret, field(body, "token", str), field(body, "answer", str))
            showing = box.next(secret)
            return {"question": None if showing is None else asdict(showing)}

        return await self._studio.read(work)

    async def picture(self, request: Request) -> Response:
        token, part = request.path_params["token"], request.path_params["part"]
        # The address names neither the picture nor the model, and the file holds pixels alone.
        png = await self._studio.read(lambda: self._box(request).picture(token, part))
        return Response(png, media_type="image/png")

    async def close(self, request: Request) -> dict[str, bool]:
        await self._studio.read(lambda: self._box(request).close())
        return {"closed": True}

    def _ended(self, request: Request) -> BallotBox:
        box = self._box(request)
        # Names of models are nowhere before this.
        if box.state().is_open:
            raise MaskwrightError("The vote has not ended, so its results are not shown yet.")
        return box

    async def results(self, request: Request) -> dict[str, Any]:
        found = await self._studio.read(lambda: count_votes(self._ended(request)).to_dict())
        return {**found, "lines": vote_lines(found)}

    async def table(self, request: Request) -> Response:
        text = await self._studio.read(lambda: format_votes(self._ended(request)))
        disposition = 'attachment; filename="votes.csv"'
        return Response(text, media_type="text/csv", headers={"content-disposition": disposition})
