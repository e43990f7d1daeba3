"""Small files that are never seen half-written."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Replace ``path`` in one step; only the owner may read it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
