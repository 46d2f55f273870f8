"""Streams: new events into the online store within seconds, by the same rules as the lake."""
