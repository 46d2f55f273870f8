"""Operations on decisions: asking for one, and looking back at those that were made."""
