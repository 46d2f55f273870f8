"""The commands about decisions and those who ask for them."""
