"""Preparing: head detectors and sheets of prepared pictures."""
