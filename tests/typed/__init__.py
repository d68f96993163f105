"""A program as strict type checkers read it, and what writes the types of the package."""
