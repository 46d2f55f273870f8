"""Retraining: what asks for it, what it is worth and costs, what holds it, and whether it helped."""
