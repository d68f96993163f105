"""Learned maskers on a frozen autoencoder: what `select` reports."""
