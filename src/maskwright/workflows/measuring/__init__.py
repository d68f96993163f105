"""Measuring: frozen encoders side by side, on labeled pictures."""
