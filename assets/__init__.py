"""The lifecycle of a decision model: one package a stage, above the words and values that describe a product."""
