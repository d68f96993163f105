"""Masking policies: each looks at a scene and scores every patch; the larger score goes first."""
