"""Benchmarks that a command runs: published data by their published protocol, and the sandbox beside its own truth.

Belongs here: data, protocols, what is fitted and how it is chosen, the figures and their record. Does not belong here:
the commands (`pipelines.cli.models.benchmark`), the speed of this software (`tests.benchmarks`).
"""
