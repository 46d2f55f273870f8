"""The audit log of actions and the model card."""
