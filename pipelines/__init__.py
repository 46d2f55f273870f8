"""What runs, when, for which product. The only layer that knows everything."""
