"""Settings: the signature of each command, its defaults, and the recipes that hold them."""
