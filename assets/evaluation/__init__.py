"""The figures of a candidate on its test rows, and the gates before promotion."""
