"""Temporal workflow code. Deterministic only: no I/O, no clock, no randomness but the workflow's own."""
