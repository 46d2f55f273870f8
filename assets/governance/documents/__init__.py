"""Documents about a model version, in which every figure names the record that it is from."""
