"""The decision service under load: swaps, overload, crashes, replay, its OpenAPI document."""
