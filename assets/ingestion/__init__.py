"""From source systems into raw tables, as the data arrived."""
