"""The local services: which there are, how they start and stop, and the streams' follower."""
