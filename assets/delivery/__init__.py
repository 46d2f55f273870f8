"""Delivery: batch scores where their consumers read them."""
