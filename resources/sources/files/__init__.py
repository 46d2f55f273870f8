"""Files as a source: which files there are, their formats, and the day of each row."""
