"""Run a command as an ordinary user, for servers that refuse root. Standard library only: run by its path.

    python unprivileged.py USER FOLDER... -- COMMAND...

Where USER could not reach one of the FOLDERs (a checkout under /root, say) the command keeps one
capability, to search folders that it may not read, instead of the permissions of somebody's folders being
changed.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys
from pathlib import Path

_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2
_CAPABILITY_VERSION_3 = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2


def main(arguments: list[str]) -> None:
    """Replaces this process by the command; returns never."""
    end = arguments.index("--")
    name, folders, command = arguments[0], arguments[1:end], arguments[end + 1 :]
    user = pwd.getpwnam(name)
    keep = not all(_reachable(user, folder) for folder in folders)
    capability = next((c for c in (_DAC_READ_SEARCH, _DAC_OVERRIDE) if _permitted() >> c & 1), None)
    if keep and capability is not None:
        _check(_libc().prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if keep and capability is not None:
        _hold(capability)
    os.execv(command[0], command)  # noqa: S606 - the point of it


def _reachable(user: pwd.struct_passwd, folder: str) -> bool:
    """Whether the user may search ``folder`` and everything above it, by their modes."""
    path = Path(folder).resolve()
    for step in (path, *path.parents):
        found = step.stat()
        shift = 6 if found.st_uid == user.pw_uid else 3 if found.st_gid == user.pw_gid else 0
        if not found.st_mode >> shift & 1:
            return False
    return True


def _permitted() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("CapPrm")).split()[1], 16)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _hold(capability: int) -> None:
    """Keep ``capability``, and no other, over the exec that follows."""
    bit = 1 << capability
    data = (_Data * 2)(_Data(bit, bit, bit), _Data(0, 0, 0))
    _check(_libc().capset(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), data))
    _check(_libc().prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "could not drop root and still reach the data folder")


if __name__ == "__main__":
    main(sys.argv[1:])
