"""The policies of a product, as frozen values."""
