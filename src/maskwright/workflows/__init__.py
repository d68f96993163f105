"""The composition root: settings in, run folders out."""
