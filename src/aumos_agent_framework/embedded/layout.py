"""Where the stack keeps what: one directory, readable by its owner only."""

from dataclasses import dataclass
from pathlib import Path

from aumos_agent_framework.embedded.errors import StackError

_MAX_LOG_BYTES = 5_000_000


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
        """Create what is missing, closed to other users.

        Raises:
            StackError: the directory cannot be made or is another user's.
        """
        try:
            for directory in (self.root, self.root / "logs"):
                directory.mkdir(parents=True, exist_ok=True)
                directory.chmod(0o700)
        except OSError as error:
            raise StackError(
                f"The data directory {self.root} cannot be used ({error.strerror}). "
                "Choose another one with AUMOS_AGF_DATA_DIR or --data-dir."
            ) from error

    def rotate_log(self, name: str) -> Path:
        """Put a log that has grown large aside, keeping one old one, and return the path to append to."""
        log = self.log(name)
        if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        return log
