"""Rendered pictures: shapes and textures with independent labels."""
