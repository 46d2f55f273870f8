"""Runs: asked for, recorded, failed."""
