"""Parts of `maskwright survey`: sample, duplicates, resolution, objects, sheets and advice."""
