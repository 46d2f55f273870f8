"""Contracts: what a source promises of its columns, rows and days."""
