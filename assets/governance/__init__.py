"""What was done, by whom, and what a model is: the audit log and the model card."""
