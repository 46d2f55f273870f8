"""The decision service over HTTP: connections, routes, refusals."""
