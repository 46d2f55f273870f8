"""Campaigns: long, seeded attacks on a running service, which know it by its words alone."""
