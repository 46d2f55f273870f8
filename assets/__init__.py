"""The lifecycle of a decision model: one package a stage, `product.py` for the vocabulary that they share."""
