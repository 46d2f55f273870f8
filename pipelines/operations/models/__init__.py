"""Operations on the versions of a product's model: from one to another, to a person's signature, to elsewhere."""
