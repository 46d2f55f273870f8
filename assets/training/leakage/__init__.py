"""The leakage audit: whether a feature reveals the label, or knows what was known only later."""
