"""The only folders that the studio reads: those that its command named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from maskwright.support.errors import MaskwrightError


class Folders:
    """Named folders, and the way to a place inside one that cannot lead out of it."""

    def __init__(self, roots: Mapping[str, Path]) -> None:
        """roots: folders by name; those that are not there are left out."""
        self._roots = {name: path.resolve() for name, path in roots.items() if path.is_dir()}

    def __contains__(self, name: str) -> bool:
        return name in self._roots

    def root(self, name: str) -> Path:
        """The folder of that name; raises MaskwrightError when it is not there."""
        if name not in self._roots:
            raise MaskwrightError(f"The studio was started without a folder of {name}.")
        return self._roots[name]

    def inside(self, name: str, place: str) -> Path:
        """A file or folder inside a named folder.

        Raises MaskwrightError for a place outside of it, reached by `..`, as an absolute path or
        over a link, and for one that is not there. All say the same, so that nobody learns which
        files exist elsewhere.
        """
        root = self.root(name)
        refusal = MaskwrightError(f"There is no '{place[:80]}' in the folder of {name}.")
        # Zeros end a path in C, and a drive or root would replace the folder.
        if "\0" in place or Path(place).is_absolute():
            raise refusal
        try:
            # Links are followed before it is asked where it lies.
            found = (root / place).resolve()
            is_there = found.exists()
        except (OSError, RuntimeError, ValueError) as error:
            raise refusal from error
        if not found.is_relative_to(root) or not is_there:
            raise refusal
        return found


def is_inside(path: Path, root: Path) -> bool:
    """Whether a file lies below a folder once every link is followed."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False
