"""Two versions of a model, explained to each other on the same rows."""
