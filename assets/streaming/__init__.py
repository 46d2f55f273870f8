"""Streams: new events in the online store within seconds, by the rules of the lake."""
