"""Alerts from their first sight to their end: the life of one, the book that keeps them, the targets, the desk."""
