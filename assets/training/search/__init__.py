"""The search for a booster's settings."""
