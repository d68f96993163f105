"""Pixels: from encoded files and numbers to 8-bit pictures."""
