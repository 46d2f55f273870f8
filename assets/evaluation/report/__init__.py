"""The report of one model: a self-contained HTML page for the people who answer for it."""
