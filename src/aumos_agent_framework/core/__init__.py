"""The domain: what holds without any framework. Adapters and entry points depend on it, never the reverse."""
