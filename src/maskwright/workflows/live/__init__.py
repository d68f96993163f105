"""One picture at a time, answered while a person paints: what the studio asks of models."""
