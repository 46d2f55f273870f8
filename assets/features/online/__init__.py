"""Features of one request: one row, tiles, and what the online store is loaded with."""
