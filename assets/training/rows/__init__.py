"""The rows that a model learns from, is calibrated on and is judged by."""
