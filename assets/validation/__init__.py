"""From raw tables to rows that keep their contract, and quarantine for those that do not."""
