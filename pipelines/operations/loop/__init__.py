"""Running the loop: jobs, days, what is missing or stale, the online store."""
