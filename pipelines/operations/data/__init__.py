"""Operations on a product's data: contracts, tables, features, and what is removed."""
