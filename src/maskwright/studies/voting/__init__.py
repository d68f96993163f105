"""Blind comparisons by people: what is shown, what they answer, and what follows from it."""
