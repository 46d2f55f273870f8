"""The invented bank: people, accounts, loans, cards, and planned incidents; nothing here touches a source system."""
