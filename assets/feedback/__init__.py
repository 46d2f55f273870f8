"""What became of the decisions."""
