"""Earlier decisions: explained, and given again to the same request."""
