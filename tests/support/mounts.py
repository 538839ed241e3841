"""Mounts that this (forked) process alone sees, and another user to be."""
from __future__ import annotations

import ctypes
import os
from typing import Any

_CLONE_NEWNS = 0x00020000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000

#: A uid and gid that own nothing.
NOBODY = 65534


def private_mounts() -> None:
    """Give this process mounts of its own, that nobody else sees.

    :raises OSError: this machine does not allow it.
    """
    _check(_libc().unshare(_CLONE_NEWNS))
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)


def bind(source: object, target: object) -> None:
    """Mount the file `source` on the file `target`, as a container does with a single file."""
    _mount(str(source), str(target), "", _MS_BIND)


def mount_tmpfs(target: object, options: str = "") -> None:
    _mount("tmpfs", str(target), "tmpfs", 0, options)


def make_read_only(target: object) -> None:
    """Remount what is mounted there."""
    _mount("none", str(target), "", _MS_REMOUNT | _MS_RDONLY)


def become(uid: int = NOBODY) -> None:
    """Drop root's rights in this (forked) process, for good."""
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    _check(_libc().mount(os.fsencode(source), os.fsencode(target), kind.encode(),
                         ctypes.c_ulong(flags), options.encode()))


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _check(status: int) -> None:
    if status != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
