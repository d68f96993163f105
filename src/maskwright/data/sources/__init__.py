"""Sources: everything that pictures can be read from."""
