"""Become a child that cannot outlive its supervisor, then become the wanted program (``exec``).

Runs as a script of its own, without the package and its imports: it stands between the supervisor's ``spawn`` and
every server. Doing this in a ``preexec_fn`` instead would run Python between fork and exec of a process that may
have threads, where a lock held by one of them is never released.

Usage: ``launch.py PARENT_PID SIGNAL privileged|unprivileged PROGRAM [ARGUMENT ...]``
"""

import ctypes
import os
import pwd
import struct
import sys

# linux/prctl.h, linux/capability.h, linux/securebits.h
_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2

UNPRIVILEGED_USER = "nobody"


def main(arguments: list[str]) -> None:
    """Run the usage above; does not return."""
    parent, death_signal, privileges, *command = arguments
    if privileges == "unprivileged" and os.geteuid() == 0:
        _drop_root()
    if sys.platform == "linux":
        # After the change of user, which clears it.
        _prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != int(parent):
            sys.exit("The supervisor ended while this process started.")
    os.execv(command[0], command)  # noqa: S606 - no shell is what is wanted


def _drop_root() -> None:
    """Go on as an ordinary user who may still read what root may.

    PostgreSQL refuses to run as root. A plain change of user would fail where the project lies in a folder that
    other users cannot enter (``/root``, a temporary directory): both the program and its data are below it. So the
    process keeps one capability, to pass through directories, and writes only what it owns.
    """
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    if sys.platform != "linux":  # no capabilities: works where the folders are open to others
        _become(user)
        return
    # Without this the kernel ignores the capability in access(2), with which PostgreSQL looks for its own files.
    _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    _become(user)
    capability = _CAP_DAC_READ_SEARCH if _permitted(_CAP_DAC_READ_SEARCH) else _CAP_DAC_OVERRIDE
    _keep_only(capability)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def _become(user: pwd.struct_passwd) -> None:
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def _permitted(capability: int) -> bool:
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - pathlib is slow to import
        mask = next(line.split()[1] for line in status if line.startswith("CapPrm:"))
    return bool(int(mask, 16) >> capability & 1)


def _keep_only(capability: int) -> None:
    mask = 1 << capability
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    sets = struct.pack("6I", mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable; low and high words
    if _libc().capset(header, sets) != 0:
        _fail("capset")


def _prctl(*arguments: int) -> None:
    padded = [*arguments, *[0] * (5 - len(arguments))]
    if _libc().prctl(*(ctypes.c_ulong(argument) for argument in padded)) != 0:
        _fail("prctl")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _fail(call: str) -> None:
    code = ctypes.get_errno()
    raise OSError(code, f"{call}: {os.strerror(code)}")


if __name__ == "__main__":
    main(sys.argv[1:])
