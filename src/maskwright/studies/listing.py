"""The plans of studies that come with the package, as rows of a table."""

from __future__ import annotations

from maskwright.studies.plan import read_plan
from maskwright.studies.plan_files import plan_names
from maskwright.workflows.listing import Table


def list_studies() -> Table:
    """Plans by name with the question that each asks."""
    # A packaged plan may leave its data open; any name does, since nothing is opened here.
    return ("study", "what it asks"), [
        (name, read_plan(name, data="DATA").question) for name in plan_names()
    ]
