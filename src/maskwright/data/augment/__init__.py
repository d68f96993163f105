"""Augmentation: random changes that move a picture and its maps together."""
