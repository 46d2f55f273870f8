"""Attacks on the decision service over HTTP, which know it by its words alone."""
