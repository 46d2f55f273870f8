"""Source systems: readers of days and followers of streams, one for each kind of source."""
