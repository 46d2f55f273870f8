"""Connections to the outside: one module or package for each system. Nothing here knows a product or an asset."""
