"""The form of results: as text for people, as JSON for scripts."""
