"""The product `card_fraud`: let a card transaction through or stop it."""
