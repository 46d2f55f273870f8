"""What a model is worth, to whom, and whether it may go live."""
