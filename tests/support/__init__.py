"""Helpers of tests: servers, ports, sample bundles."""
