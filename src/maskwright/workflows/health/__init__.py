"""Whether a pretraining works: what `maskwright doctor RUN` finds, each with what to change."""
