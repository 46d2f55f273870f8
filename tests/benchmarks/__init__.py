"""Benchmarks: ratios and percentiles, measured in one run on one machine, with a description of the machine."""
