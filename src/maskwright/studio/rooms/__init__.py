"""The rooms of the studio: each gives its routes, and its page module has the same name."""
