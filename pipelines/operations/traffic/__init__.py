"""Rows of a table as live requests to the decision service, for `loopline traffic`."""
