"""What the outcomes of answered decisions say of the arms of a rollout."""
