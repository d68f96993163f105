"""Studies: several arms over several seeds at the same compute, and what can be said of their difference."""
