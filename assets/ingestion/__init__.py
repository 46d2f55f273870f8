"""From source systems into raw tables, as it arrived."""
