"""From raw tables to rows that keep their contract; the others go to quarantine."""
