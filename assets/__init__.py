"""The lifecycle of a decision model: a package a stage, above `vocabulary` and `product`, which describe the problem."""
