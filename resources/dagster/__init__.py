"""Dagster: its event log, its web server, and small values that assets pass on."""
