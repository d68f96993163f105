"""Filling in: masked pictures and painted holes, completed and compared."""
