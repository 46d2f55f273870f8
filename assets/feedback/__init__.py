"""From decisions to outcomes: the decision log as a table, joined with mature labels."""
