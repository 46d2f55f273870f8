"""Card transactions: let through or stop."""
