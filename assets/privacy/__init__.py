"""Personal data: tokens and consent, applied before anything downstream reads a row."""
