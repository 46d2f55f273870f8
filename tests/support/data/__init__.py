"""Data of tests."""
