"""Recorded decisions and their features, recomputed and compared."""
