"""Pictures of one command, divided among several processes."""
