"""Models of tests, made without a demonstration."""
