"""Targets: what a decoder predicts of each patch. Torch only; networks are passed in."""
