"""The bank's source systems, and how they are filled."""
