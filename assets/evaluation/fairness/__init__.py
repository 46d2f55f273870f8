"""Fairness: groups with their intervals, the limits of jurisdictions, and the proxies of a protected attribute."""
