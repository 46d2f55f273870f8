"""Promotion, deployment and the arms of a product."""
