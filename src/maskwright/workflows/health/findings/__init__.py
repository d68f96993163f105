"""The findings, by what they look at; `health/rules.py` lists them with their limits."""
