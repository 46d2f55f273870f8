"""The monitoring page of a product, and the same in a few lines: what a person needs to know of a day."""
