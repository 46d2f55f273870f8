"""The draft of a product: from samples of its data to a folder that runs and that a person then edits."""
