"""Databases as sources: rows of a table or of a query."""
