"""Parts of `maskwright survey`: looks, duplicates, resolution, objects, sheets and advice."""
