"""The policies by name: one line each, imported when used."""

from __future__ import annotations

from maskwright.support.catalog import Entry

POLICIES: dict[str, Entry] = {
    "random": Entry("maskwright.masking.uniform:RandomPolicy", "patches uniformly at random (MAE)"),
}
