"""Features: one kernel for training and serving, the feature table, the online store's loads, the catalogue."""
