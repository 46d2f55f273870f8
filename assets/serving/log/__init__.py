"""What a process writes before it answers: the decision log, and the log of posted rows."""
