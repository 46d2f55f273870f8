"""A day of many million rows, validated and scored on a Spark cluster."""
