"""Tensors in, figures out; nothing here saves."""
