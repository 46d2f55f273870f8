"""Fitting models, and their export."""
