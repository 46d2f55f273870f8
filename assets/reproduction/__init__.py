"""Reproduction: a bundle made again from its pins, and the way from a decision back to its data."""
