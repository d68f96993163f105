"""Questions about behavior, each answered by names and values."""
