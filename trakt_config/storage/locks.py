"""Advisory locks that belong to an open file: flock(2), or msvcrt on Windows (untested there).

Not fcntl record locks: a process loses those when it closes any descriptor of the file, and they
do not keep threads apart.
"""
from __future__ import annotations

import errno
import os
import sys
from typing import Callable

from trakt_config.errors import pass_on_hosts, suppress_systems
from trakt_config.storage import files

NO_LOCKS = files.NOT_SUPPORTED | {errno.ENOLCK}

#: The descriptors that this process has locked or is about to lock, and what they are open on.
_descriptors: dict[int, os.stat_result] = {}
_BUSY = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK})

if sys.platform == "win32":
    import msvcrt

    #: Locks are mandatory on Windows: a byte that no journal reaches keeps the rest readable.
    _LOCKED_BYTE = 1 << 30

    def _try_lock(fd: int) -> None:
        position = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(fd, position, os.SEEK_SET)

    def unlock(fd: int) -> None:
        """Let the lock go; closing the file does it here."""
        _descriptors.pop(fd, None)
else:
    import fcntl

    def _try_lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def unlock(fd: int) -> None:
        """Let the lock go, in forked children that share the open file too."""
        _descriptors.pop(fd, None)
        with suppress_systems(OSError):  # Closing the file lets it go as well.
            fcntl.flock(fd, fcntl.LOCK_UN)


#: Another object after each fork of this process: one assignment, which threads cannot mix up.
_last_fork = object()


def last_fork() -> object:
    """What stands for this process's last fork. Ask before you open what is to be locked."""
    return _last_fork


def lock(fd: int, wait: Callable[[], None], warn: Callable[[str], None],
         since: object = None) -> bool:
    """Lock the open file for this descriptor alone.

    :param wait: called while somebody else holds it; raises when the time is up.
    :param since: what :func:`last_fork` said before it was opened.
    :returns: False where a child was forked since, by another thread: it has the open file as well,
        would not let the lock go when we die, and so it is not locked. Open it again.
    :raises OSError: the file system failed. One that has no locks is only warned of.
    """
    _descriptors[fd] = os.fstat(fd)
    try:
        if since not in (None, last_fork()):
            _descriptors.pop(fd, None)
            return False
        _lock(fd, wait, warn)
        return True
    except BaseException:
        _descriptors.pop(fd, None)
        raise


def is_locked(fd: int) -> bool:
    """Whether somebody else holds the lock of the open file."""
    try:
        _try_lock(fd)
    except OSError as error:
        pass_on_hosts(error)
        return error.errno in _BUSY
    unlock(fd)
    return False


def _lock(fd: int, wait: Callable[[], None], warn: Callable[[str], None]) -> None:
    while True:
        try:
            _try_lock(fd)
            return
        except OSError as error:
            pass_on_hosts(error)
            if error.errno in NO_LOCKS:
                warn("this file system has no locks: make sure that no two runs use this config "
                     "at once")
                return
            if error.errno not in _BUSY:
                raise
        wait()


def _close_in_child() -> None:
    """A forked child shares the open file, and would keep it locked after its parent's death."""
    for fd, status in _descriptors.items():
        try:
            if os.path.samestat(status, os.fstat(fd)):
                os.close(fd)
        except OSError:
            pass  # Closed already.
    _descriptors.clear()


def _note_fork() -> None:
    global _last_fork
    _last_fork = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_note_fork, after_in_child=_close_in_child)
