"""Put new bytes in the place of a file, so that it is at every instant the old one or the new one.

By a temporary file and rename(2) where that keeps everything else of the file. Where it cannot
(a file that is itself a mount, several hard links, an owner that only root can give, a folder that
takes no file) the new bytes go into the journal first and then over the old ones: should that be
cut short, :func:`finish_overwrite` writes them again.
"""
from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable

from trakt_config.storage import files
from trakt_config.storage.journal import Journal, Unfinished, beside

_TEMPORARY_SUFFIX = ".new"
#: What a second try with a new temporary file may get past, but an overwrite must not risk.
_DISK_FAILS = frozenset({errno.EIO})
_ATTEMPTS = 2


class Changed(Exception):
    """Somebody else changed the file in the meantime; nothing was written."""


class _KeepInode(Exception):
    """The file cannot be replaced by another one without losing something of it."""


def replace(path: str, expected: bytes, new: bytes, journal: Journal,
            warn: Callable[[str], None]) -> None:
    """Replace the content of the file, which is `expected` as far as the caller knows.

    Mode, owner, group, ACL, extended attributes and links stay.

    :raises Changed: it is not.
    :raises OSError: it could not be written; the old content stands, or the journal has the new.
    """
    try:
        _by_rename(path, expected, new, warn)
    except _KeepInode:
        overwrite(path, expected, new, journal)


def temporary(path: str) -> str:
    """The name of the file's replacement while it is written. One name: a killed run's is found."""
    return beside(path) + _TEMPORARY_SUFFIX


def remove_temporary(path: str) -> None:
    """Remove what a killed run left of a replacement."""
    try:
        os.unlink(temporary(path))
    except OSError:
        pass


def overwrite(path: str, expected: bytes, new: bytes, journal: Journal) -> None:
    """Write `new` over the file's content, once the journal has both.

    :raises Changed: the content is not `expected`.
    :raises OSError: it could not be written.
    """
    journal.append(b"before", expected)
    journal.append(b"content", new)
    with _opened(path) as fd:
        if files.read_all(fd, files.LARGEST_CONFIG + 1) != expected:
            raise Changed
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                _write_over(fd, len(expected), new)
                return
            except OSError:
                if attempt == _ATTEMPTS:
                    raise


def finish_overwrite(path: str, left_over: Unfinished) -> None:
    """Finish an overwrite that was cut short. A file that was edited since is left as it is.

    :raises OSError: it could not be written.
    """
    if left_over.before is None or left_over.content is None:
        return
    with _opened(path) as fd:
        current = files.read_all(fd, files.LARGEST_CONFIG + 1)
        if current != left_over.content and _is_torn(current, left_over.before,
                                                     left_over.content):
            _write_over(fd, len(current), left_over.content)


def _by_rename(path: str, expected: bytes, new: bytes, warn: Callable[[str], None]) -> None:
    status = os.stat(path)
    if status.st_nlink > 1:
        raise _KeepInode
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _write_temporary(path, status, new, warn)
            if files.read(path) != expected:
                raise Changed
            os.replace(temporary(path), path)
            break
        except OSError as error:
            if error.errno not in _DISK_FAILS:
                raise _KeepInode from None
            if attempt == _ATTEMPTS:
                raise
        finally:
            remove_temporary(path)
    if not files.sync_directory(os.path.dirname(path)):
        warn("this file system cannot sync a directory: a power cut may bring back the old file")


def _write_temporary(path: str, status: os.stat_result, new: bytes,
                     warn: Callable[[str], None]) -> None:
    remove_temporary(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | files.NOFOLLOW | files.CLOEXEC
    fd = os.open(temporary(path), flags, 0o600)
    try:
        files.write_all(fd, new)
        _copy_metadata(path, status, fd, warn)
        os.fsync(fd)
    finally:
        os.close(fd)


def _copy_metadata(path: str, wanted: os.stat_result, fd: int,
                   warn: Callable[[str], None]) -> None:
    """Owner, then ACL and attributes, then mode: at no instant may more users read it."""
    status = os.fstat(fd)
    if (status.st_uid, status.st_gid) != (wanted.st_uid, wanted.st_gid):
        os.fchown(fd, wanted.st_uid, wanted.st_gid)
    _copy_attributes(path, fd, warn)
    if stat.S_IMODE(os.fstat(fd).st_mode) != stat.S_IMODE(wanted.st_mode):
        try:
            os.chmod(fd if os.chmod in os.supports_fd else temporary(path),
                     stat.S_IMODE(wanted.st_mode))
        except OSError as error:
            if error.errno not in files.NOT_SUPPORTED:
                raise
            warn("this file system does not let the mode of the file be kept")


def _copy_attributes(path: str, fd: int, warn: Callable[[str], None]) -> None:
    """Extended attributes, POSIX ACLs among them; those that a folder's default gave go."""
    if not hasattr(os, "listxattr"):
        return
    try:
        wanted = {name: os.getxattr(path, name) for name in os.listxattr(path)}
        current = {name: os.getxattr(fd, name) for name in os.listxattr(fd)}
        for name in current.keys() - wanted.keys():
            os.removexattr(fd, name)
        for name, value in wanted.items():
            if current.get(name) != value:
                os.setxattr(fd, name, value)
    except OSError as error:
        if error.errno not in files.NOT_SUPPORTED:
            raise
        warn("this file system does not let the extended attributes of the file be kept")


@contextmanager
def _opened(path: str) -> Iterator[int]:
    """The file that is compared is the one that is written, whoever may swap names meanwhile."""
    fd = os.open(path, os.O_RDWR | files.NOFOLLOW | files.CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Changed
        yield fd
    finally:
        os.close(fd)


def _write_over(fd: int, length: int, new: bytes) -> None:
    """Overwrite `length` bytes. What is longer goes first: it alone can find the disk full."""
    _write_tail(fd, length, new)
    os.lseek(fd, 0, os.SEEK_SET)
    files.write_all(fd, new[:length])
    os.ftruncate(fd, len(new))
    os.fsync(fd)


def _write_tail(fd: int, length: int, new: bytes) -> None:
    try:
        os.lseek(fd, length, os.SEEK_SET)
        files.write_all(fd, new[length:])
        os.fsync(fd)
    except OSError:
        os.ftruncate(fd, length)
        raise


def _is_torn(current: bytes, before: bytes, content: bytes) -> bool:
    """Whether every byte stands in one of the two (or was never written) at its place.

    An overwrite leaves no file that is shorter than both: such a one was cut by a person.
    """
    shortest, longest = sorted((len(before), len(content)))
    padded = zip(current, before.ljust(longest, b"\0"), content.ljust(longest, b"\0"))
    return (shortest <= len(current) <= longest
            and all(byte in (old, new, 0) for byte, old, new in padded))
