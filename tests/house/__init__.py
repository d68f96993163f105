"""Rules of the house: how the source is measured, and tests that keep it."""
