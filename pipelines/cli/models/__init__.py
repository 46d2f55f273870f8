"""The commands about models and the proof of them."""
