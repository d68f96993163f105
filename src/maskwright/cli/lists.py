"""`maskwright list`: the tables of everything that can be named."""

from __future__ import annotations

from maskwright.studies.listing import list_studies
from maskwright.support.errors import unknown_name
from maskwright.workflows.listing import LISTS, Table
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.list_settings import ListSettings

TABLES = {**LISTS, "studies": list_studies}


@takes(ListSettings, "what")
def list_names(settings: ListSettings) -> Table:
    """One table of names; without a name the commands that show them, under no heading."""
    if settings.what is None:
        return (), [(f"maskwright list {name}",) for name in TABLES]
    if settings.what not in TABLES:
        raise unknown_name("list", settings.what, TABLES)
    return TABLES[settings.what]()
