"""The step, the loop, the optimizers and checkpoints of a training."""
