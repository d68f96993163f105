"""Things every room may use and that know nothing of masks."""
