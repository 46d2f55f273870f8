"""Personal data: tokens, consent. Applied before anything downstream sees a row."""
