"""Drift and realised performance of the live model against its approval, and the verdicts on them."""
