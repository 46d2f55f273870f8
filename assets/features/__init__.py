"""Declared features, one kernel for training and serving, and the Spark job that runs it."""
