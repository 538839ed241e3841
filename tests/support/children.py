"""Forked children: another user, a mount namespace of their own, or a process to kill."""
from __future__ import annotations

import ctypes
import os
import pickle
import signal
import traceback
import warnings
from typing import Any, Callable

import pytest

import tests.support.everything  # noqa: F401

#: A uid and gid that own nothing.
NOBODY = 65534

_CLONE_NEWNS = 0x20000
_MS_BIND = 0x1000
_MS_REC_PRIVATE = 0x4000 | 0x40000


def start(work: Callable[[], Any]) -> int:
    """Run `work` in a forked child; its process id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Forked beside threads (3.12).
        child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def run(work: Callable[[], Any], *, uid: int | None = None) -> Any:
    """What `work` returns or raises in a forked child, which becomes `uid` if that is given."""
    if uid is not None and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    reader, writer = os.pipe()

    def answer() -> None:
        if uid is not None:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        try:
            outcome = (True, work())
        except BaseException as error:
            error.args += (traceback.format_exc(),) if not error.args else ()
            outcome = (False, error)
        with open(writer, "wb") as stream:
            pickle.dump(outcome, stream)

    child = start(answer)
    os.close(writer)
    with open(reader, "rb") as stream:
        data = stream.read()
    os.waitpid(child, 0)
    assert data, "the child died"
    succeeded, value = pickle.loads(data)
    if not succeeded:
        raise value
    return value


def kill(child: int) -> None:
    """Kill a child of ours, and reap it."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def mount_tmpfs(folder: str, size: int) -> None:
    """Mount a tmpfs of `size` bytes for this (forked) process alone."""
    _own_mounts()
    _mount(b"none", folder, b"tmpfs", 0, b"size=%d" % size)


def mount_over(source: str, target: str) -> None:
    """Bind-mount the file `source` at `target` for this (forked) process alone."""
    _own_mounts()
    _mount(os.fsencode(source), target, None, _MS_BIND, None)


def can_mount() -> bool:
    """Whether this machine lets a test have mounts of its own."""
    if os.geteuid() != 0:
        return False
    try:
        run(_own_mounts)
    except OSError:
        return False
    return True


def _own_mounts() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    _mount(b"none", "/", None, _MS_REC_PRIVATE, None)


def _mount(source: bytes, target: str, kind: bytes | None, flags: int,
           options: bytes | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source, os.fsencode(target), kind, ctypes.c_ulong(flags), options):
        raise OSError(ctypes.get_errno(), "mount")
