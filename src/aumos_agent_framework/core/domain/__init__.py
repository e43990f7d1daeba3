"""Frozen values of the domain, one file per noun. No behaviour that needs the outside."""
