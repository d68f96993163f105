"""Every setting of `maskwright studio`."""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.support.checks import check_at_least
from maskwright.support.errors import MaskwrightError
from maskwright.support.variables import studio_token
from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import DeviceSettings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Shorter ones could be guessed by trying.
SHORTEST_TOKEN = 16
REACH = "who may open it"


@dataclass(frozen=True, kw_only=True)
class StudioSettings(DeviceSettings):
    """What the page shows, and who may open it."""

    models: list[str] = setting(
        [],
        help=(
            "runs, checkpoints or zoo:NAME to fill in pictures with (default: the zoo, and the runs"
            " below --runs)"
        ),
        positional=True,
        many=True,
        metavar="RUN",
    )
    data: list[str] = setting(
        [],
        help="pictures to choose from: a folder, an archive or an array; may be repeated",
        many=True,
        metavar="PHOTOS",
    )
    runs: str = setting("runs", help="folder whose runs the page lists, where it is there")
    studies: str = setting("studies", help="folder whose studies the page shows, where it is there")
    votes: str = setting("votes", help="folder that votes by people are kept in")
    # Who may open it.
    port: int = setting(8750, help="port to listen on; 0 takes a free one", group=REACH)
    host: str = setting(
        "127.0.0.1",
        help="address to listen on; any but this machine's own loopback needs --token",
        group=REACH,
    )
    token: str | None = setting(
        None,
        help=(
            f"a word of at least {SHORTEST_TOKEN} letters that whoever opens the page has to give"
            " (default: MASKWRIGHT_TOKEN, which other users of the machine cannot read)"
        ),
        group=REACH,
    )
    open: bool = setting(False, help="also open the page in the browser")
    # Uploads.
    upload_megabytes: int = setting(24, help="largest picture file that may be dropped on the page")
    upload_megapixels: int = setting(
        50, help="most pixels that such a picture may have, in millions"
    )

    def __post_init__(self) -> None:
        check_at_least("upload_megabytes", self.upload_megabytes, 1)
        check_at_least("upload_megapixels", self.upload_megapixels, 1)
        if not 0 <= self.port <= 65535:
            raise MaskwrightError(f"port is between 0 and 65535; got {self.port}.")
        if self.token is None:
            # The class is frozen for its users; the environment is its default.
            object.__setattr__(self, "token", studio_token())
        if self.host not in LOOPBACK and self.token is None:
            raise MaskwrightError(
                f"--host {self.host} lets other machines open the studio, so it needs --token WORD"
                f" with at least {SHORTEST_TOKEN} letters, or MASKWRIGHT_TOKEN=WORD; or leave out"
                " --host."
            )
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise MaskwrightError(
                f"--token is too short to keep others out: it has {len(self.token)} letters, and"
                f" needs at least {SHORTEST_TOKEN}."
            )
