"""Light or dark: as the system has it, until somebody chooses; the choice is kept."""

from __future__ import annotations

from typing import Any


def theme_of(page: Any) -> str:
    return page.evaluate("document.documentElement.dataset.theme")


def ground_of(page: Any) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_the_page_follows_the_system_until_somebody_chooses(page: Any, studio_address: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(f"{studio_address}/#/policies")
    dark = ground_of(page)
    assert theme_of(page) == "dark"
    page.emulate_media(color_scheme="light")
    page.wait_for_function("document.documentElement.dataset.theme === 'light'")
    assert ground_of(page) != dark

    page.click("#theme")
    assert (theme_of(page), ground_of(page)) == ("dark", dark)
    page.reload()
    assert theme_of(page) == "dark"
