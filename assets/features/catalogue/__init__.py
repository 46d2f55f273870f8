"""The feature catalogue: what each feature means, what its values are, which models use it."""
