"""The studio: a local page where people paint masks and look at models, runs and studies.

Nothing else of the package imports it, so that the command line works without its two packages.
"""

from importlib.util import find_spec

from maskwright.support.errors import NotAvailable

_MISSING = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
# Asked here, before any module of the studio fails with a traceback.
if _MISSING:
    raise NotAvailable(
        f"The studio needs {' and '.join(_MISSING)}: pip install 'maskwright[studio]'."
    )
