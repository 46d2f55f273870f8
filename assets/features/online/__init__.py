"""Features of one request: one row, tiles, and the loads of the online store."""
