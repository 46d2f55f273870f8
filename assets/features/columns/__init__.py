"""Arrow columns as NumPy arrays: the columns of one table that a group of features reads."""
