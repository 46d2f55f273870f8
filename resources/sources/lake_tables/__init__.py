"""Delta tables of others as sources."""
