"""Rows to be monitored, and the reference profile that they are compared with."""

from tests.support.data.monitored_rows import by_day, profile, rows, scores

__all__ = ["by_day", "profile", "rows", "scores"]
