"""The online store in Redis: clients, keys, scripts."""
