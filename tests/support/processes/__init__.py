"""Processes of tests: started, forked, killed."""
