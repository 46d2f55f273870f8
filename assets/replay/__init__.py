"""Recorded decisions and their features, computed again and compared."""
