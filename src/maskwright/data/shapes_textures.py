"""x"""

PAIRS: dict[str, str] = {}
