"""Who may call the decision service: its keys, their roles, their rates."""
