"""The kernel: one computation of a feature set, for training tables and for requests."""
