"""Alerts of runs, models and monitors."""
