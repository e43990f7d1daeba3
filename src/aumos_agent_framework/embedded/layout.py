"""Where the stack keeps what: one directory, readable by its owner only."""

import stat
from dataclasses import dataclass
from pathlib import Path

from aumos_agent_framework.embedded.errors import StackError

_MAX_LOG_BYTES = 5_000_000
_OWNER_ONLY = 0o700


@dataclass(frozen=True, slots=True)
class DataDir:
    """The paths below the data directory (``.agf``)."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by the supervisor."""
        return self.root / "lock"

    @property
    def state(self) -> Path:
        """What runs, and on which ports."""
        return self.root / "state.json"

    @property
    def credentials(self) -> Path:
        """The servers' passwords."""
        return self.root / "credentials.json"

    @property
    def issuer(self) -> Path:
        """The local issuer's keys."""
        return self.root / "issuer"

    def of(self, component: str) -> Path:
        """Return the directory of a component's own data."""
        return self.root / component

    def log(self, name: str) -> Path:
        """Return where a component logs."""
        return self.root / "logs" / f"{name}.log"

    def create(self) -> None:
        """Create what is missing, closed to other users. A directory that is there keeps its permissions.

        Raises:
            StackError: the directory cannot be made, is open to everybody, or holds something else.
        """
        try:
            self._check_existing()
            self.root.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
            self.lock.touch(mode=0o600)  # from here on it is known as ours, however far the first start comes
            (self.root / "logs").mkdir(mode=_OWNER_ONLY, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"The data directory {self.root} cannot be used ({error.strerror}). "
                "Choose another one with AUMOS_AGF_DATA_DIR or --data-dir."
            ) from error

    def _check_existing(self) -> None:
        if not self.root.is_dir():
            return
        ours = any(mark.exists() for mark in (self.lock, self.state, self.credentials))
        if not ours and next(self.root.iterdir(), None) is not None:
            raise StackError(
                f"The directory {self.root} holds something else than a stack's data. "
                "Choose an empty or a new one with AUMOS_AGF_DATA_DIR or --data-dir."
            )
        if self.root.stat().st_mode & stat.S_IWOTH:
            raise StackError(
                f"Every user of this machine may write to {self.root}, which is to hold passwords and keys. "
                "Choose another one with AUMOS_AGF_DATA_DIR or --data-dir."
            )

    def rotate_log(self, name: str) -> Path:
        """Put a log that has grown large aside, keeping one old one, and return the path to append to."""
        log = self.log(name)
        if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        return log
