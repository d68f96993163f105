"""Probes: one file for each way to measure an encoder."""
