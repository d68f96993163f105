"""Frozen things are measured here."""
