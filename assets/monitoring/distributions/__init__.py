"""The distributions of features, scores and decisions by day: exact counts, and all that is told from them."""
