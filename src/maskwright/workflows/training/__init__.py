"""Training: the loop that all kinds of runs share, and what is watched meanwhile."""
