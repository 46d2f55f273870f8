"""Evaluating a model of an amount: its figures, gates, pictures and report."""
