"""The embedded online store: files, keys, transactions."""
