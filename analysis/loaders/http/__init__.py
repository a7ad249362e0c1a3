"""Requests over HTTP: transport, responses, rate limits, the archive of responses."""
