"""Multi-agent workflows that run durably, under human control, for many tenants."""

__version__ = "0.1.0"
