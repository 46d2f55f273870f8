"""What is invented: people, accounts, loans, cards, and what goes wrong."""
