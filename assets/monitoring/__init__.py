"""Drift and realised performance of the live model against its approval, and what follows from them."""
