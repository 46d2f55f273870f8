"""The decision process: what answers a request. Imports no orchestrator, no Spark, no tracking, no pandas."""
