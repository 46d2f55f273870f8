"""Fits of many rows: in Spark tasks, and with checkpoints from which a killed fit goes on."""
