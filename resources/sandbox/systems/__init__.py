"""The bank's source systems: their layout, their filling, the bureau's API and the bank's clock."""
