"""Follow every internal link, anchor and picture of the built site; `check_links.py build/site`.

Nothing may be fetched from another address, so that the site works without a network.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and the anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.without_text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.anchors |= {named[name] for name in ("id", "name") if named.get(name)}
        for name in ("href", "src"):
            if named.get(name):
                self.links.append(named[name])
        # What a browser fetches by itself, unlike a link that somebody follows.
        if tag != "a":
            self.loaded += [named[name] for name in ("href", "src") if named.get(name)]
        # The theme's own icons have no text, and need none.
        if tag == "img" and not named.get("alt") and "logo" not in named.get("class", ""):
            self.without_text.append(named.get("src", "")[:60])


def find_broken(site: Path) -> Iterator[str]:
    """A sentence for each link that leads nowhere, and for each picture without a text."""
    # Reports of studies are whole pages of their own, checked where they are made.
    paths = [path for path in site.rglob("*.html") if path.name != "report.html"]
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in paths}
    for path, page in pages.items():
        name = path.relative_to(site)
        for picture in page.without_text:
            yield f"{name}: the picture {picture} has no text for those who do not see it"
        # A site that reads a script or a font from elsewhere would tell others who reads it.
        for link in page.loaded:
            if urlsplit(link).netloc:
                yield f"{name}: {link} would be fetched from elsewhere"
        for link in page.links:
            parts = urlsplit(link)
            # Links to other sites are not followed: the build needs no network.
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                yield f"{name}: {link} leads nowhere"
                continue
            # Anchors of pictures and downloads are nobody's business.
            anchor = unquote(parts.fragment)
            if anchor and target in pages and anchor not in pages[target].anchors:
                yield f"{name}: {link} has no such anchor"


if __name__ == "__main__":
    broken = sorted(set(find_broken(Path(sys.argv[1]).resolve())))
    sys.stdout.write("".join(f"{line}\n" for line in broken))
    sys.exit(1 if broken else 0)
