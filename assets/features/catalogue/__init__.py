"""The feature catalogue: definition, values and use of each feature."""
