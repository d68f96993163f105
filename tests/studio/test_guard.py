"""Each way in that the guard closes is tried here."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from maskwright.studio.app import build_app
from maskwright.studio.guard import COOKIE
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings.studio_settings import StudioSettings

TOKEN = "a-token-that-is-long-enough"


@pytest.fixture
def shared(studio_settings: StudioSettings):
    """A client of a studio that other machines may open with a token."""
    settings = replace(studio_settings, host="0.0.0.0", token=TOKEN)
    with TestClient(build_app(settings), base_url="http://10.0.0.7:8750") as client:
        yield client


def test_only_this_machine_may_listen_without_a_token() -> None:
    assert StudioSettings().host == "127.0.0.1"
    with pytest.raises(MaskwrightError, match="needs --token"):
        StudioSettings(host="0.0.0.0")
    with pytest.raises(MaskwrightError, match="too short"):
        StudioSettings(host="0.0.0.0", token="short")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.7", ""])
def test_another_name_that_points_here_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/studio", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8750", "localhost:1", "[::1]:8750"])
def test_names_of_this_machine_are_answered(client: TestClient, host: str) -> None:
    headers = {"host": host, "origin": f"http://{host}"}
    assert client.get("/api/studio", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://127.0.0.1"},
        {"origin": "http://127.0.0.1", "sec-fetch-site": "cross-site"},
        {"origin": "http://127.0.0.1", "sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_another_origin_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/api/paint/fill", json={}, headers=headers).status_code == 403
    assert client.get("/api/studio", headers=headers).status_code == 403


def test_a_post_without_an_origin_is_refused(studio_settings: StudioSettings) -> None:
    with TestClient(build_app(studio_settings), base_url="http://127.0.0.1") as client:
        assert client.post("/api/pictures", content=b"x").status_code == 403
        # Looking alone is what a person with curl may do.
        assert client.get("/api/studio").status_code == 200


def test_a_link_from_elsewhere_may_lead_to_the_page(studio_settings: StudioSettings) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    with TestClient(build_app(studio_settings), base_url="http://127.0.0.1") as client:
        assert client.get("/", headers=headers).status_code == 200
        # As a picture or a script of another page it is refused.
        assert client.get("/", headers={**headers, "sec-fetch-mode": "no-cors"}).status_code == 403


def test_the_environment_can_give_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKWRIGHT_TOKEN", TOKEN)
    assert StudioSettings(host="0.0.0.0").token == TOKEN
    assert StudioSettings(token=TOKEN + "x").token == TOKEN + "x"
    monkeypatch.setenv("MASKWRIGHT_TOKEN", "short")
    with pytest.raises(MaskwrightError, match="too short"):
        StudioSettings()


@pytest.mark.parametrize("path", ["/", "/api/studio", "/page/app.js", "/api/pictures"])
@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", f"?token={TOKEN[:-1]}"])
def test_without_the_token_nothing_is_shown(shared: TestClient, path: str, query: str) -> None:
    answer = shared.get(path + query)
    assert answer.status_code == 401
    assert TOKEN not in answer.text


def test_the_token_becomes_a_cookie_that_scripts_cannot_read(shared: TestClient) -> None:
    entry = shared.get(f"/?token={TOKEN}&x=1", follow_redirects=False)
    assert entry.status_code == 303
    assert entry.headers["location"] == "/?x=1"
    cookie = entry.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie
    assert shared.get("/api/studio").status_code == 200
    shared.cookies.clear()
    forged = {"cookie": f"{COOKIE}=forged"}
    assert shared.get("/api/studio", headers=forged).status_code == 401


def test_the_token_is_compared_in_constant_time(
    shared: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def compare(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return False

    monkeypatch.setattr("maskwright.studio.guard.hmac.compare_digest", compare)
    assert shared.get(f"/?token={TOKEN}").status_code == 401
    assert (TOKEN.encode(), TOKEN.encode()) in compared


def test_other_names_need_more_than_the_token(shared: TestClient) -> None:
    answer = shared.get(f"/?token={TOKEN}", headers={"host": "evil.example"})
    assert answer.status_code == 403


def test_every_answer_has_the_headers_of_safety(client: TestClient) -> None:
    for path in ("/", "/page/app.js", "/api/studio", "/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "http" not in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_what_is_too_large_is_refused_by_its_stated_size(client: TestClient) -> None:
    answer = client.post("/api/paint/fill", content=b"x" * 1_000_001)
    assert answer.status_code == 413
    assert "at most 1 MB" in answer.json()["error"]
    assert client.post("/api/pictures", content=b"x" * 2_000_001).status_code == 413


def test_what_is_too_large_is_refused_while_it_comes(client: TestClient) -> None:
    chunks = (b"x" * 100_000 for _ in range(30))
    # A generator is sent without a stated size.
    answer = client.post("/api/pictures", content=chunks)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/page/../context.py",
        "/page/%2e%2e/context.py",
        "/page/..%2fcontext.py",
        "/page//etc/passwd",
        "/page/rooms/../../app.py",
    ],
)
def test_the_page_folder_cannot_be_left(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
