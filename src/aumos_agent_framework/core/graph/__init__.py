"""The definition language: its schema, its checks, and what its nodes mean. Knows no engine and no server."""
