"""Durable execution on Temporal: the only room that knows it."""
