"""Whether a live model is still the one that was approved."""
