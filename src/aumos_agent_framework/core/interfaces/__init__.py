"""Ports: what the services need of the outside. The docstrings are the contract; one file per port."""
