"""Dagster's own storage and web server, and small values handed between its assets."""
