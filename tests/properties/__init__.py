"""Properties of features that hold for any data."""
