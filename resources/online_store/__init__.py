"""The online store: each entity's recent events, in LMDB or Redis."""
