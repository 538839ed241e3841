"""Forked children: another user, or a process to kill."""
from __future__ import annotations

import functools
import os
import pickle
import signal
import sys
import traceback
import warnings
from typing import Any, Callable

import pytest

import tests.support.everything  # noqa: F401
from tests.support import mounts

#: Python for a process that a signal may end at any moment: one between an ``open`` and its
#: ``with`` leaves the file to the collector, which warns of it.
INTERRUPTIBLE = [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning"]


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
            mounts.become(uid)
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


@functools.cache
def can_mount() -> bool:
    """Whether this machine lets a process have mounts of its own; tried in a child."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    try:
        run(mounts.private_mounts)
    except OSError:
        return False
    return True
