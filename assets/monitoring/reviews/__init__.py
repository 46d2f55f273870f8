"""Whether the people who review decisions agree."""
