"""Connections to the outside: one module a system. Nothing here knows what a product or an asset is."""
