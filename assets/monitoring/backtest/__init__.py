"""Backtests: what another model, threshold, policy or other rules would have decided in the past, and earned."""
