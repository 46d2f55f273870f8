"""The invented bank: people, accounts, loans, cards, and planned incidents; nothing here writes or reads a place."""
