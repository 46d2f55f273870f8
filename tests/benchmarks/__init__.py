"""Benchmarks: ratios and percentiles, measured in one run on one machine, with the machine described."""
