"""The rules of a contract: on values, on rows, on whole days."""
