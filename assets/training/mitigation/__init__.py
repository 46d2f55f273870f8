"""Mitigation: training models that treat groups more alike, without the attribute when they decide."""
