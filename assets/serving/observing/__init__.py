"""What the decision process tells of itself: log lines and traces."""
