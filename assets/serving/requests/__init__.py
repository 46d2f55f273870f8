"""What clients send: bodies, requests and posted events, checked."""
