"""Source systems: how a day of rows, or a stream, is read from each kind."""
