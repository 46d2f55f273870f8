"""Processes and what runs in them: their table, identity, loops, memory."""
