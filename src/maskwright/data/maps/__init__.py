"""Maps: what is known about each picture, patch by patch (foreground, parts, attention)."""
