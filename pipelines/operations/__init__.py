"""What commands and people on call do, without Dagster composition or output."""
