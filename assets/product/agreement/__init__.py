"""Whether the parts of a product agree with each other and with the contracts of its sources."""
