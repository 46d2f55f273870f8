"""Streams as sources: the messages of a day, and following what arrives."""
