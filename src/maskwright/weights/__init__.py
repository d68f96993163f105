"""Every weight file format."""
