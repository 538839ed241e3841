"""Put new bytes in the place of a file, so that it is at every instant the old one or the new one.

By a temporary file and rename(2) where that keeps everything else of the file. Where it cannot
(a file that is itself a mount, several hard links, an owner that only root can give, a folder that
takes no file) or where the disk has no room for a second file, the file is overwritten in place:
:mod:`trakt_config.storage.overwrite`.

Everything about the old file is asked of one descriptor, and the new one is made through another:
whoever owns the folder may swap names in it at any time, and must not lead us to other files.
"""
from __future__ import annotations

import errno
import os
import stat
from typing import Callable

from trakt_config.errors import pass_on_hosts, suppress_systems
from trakt_config.storage import files, folders
from trakt_config.storage.journal_file import Journal
from trakt_config.storage.overwrite import Changed, overwrite
from trakt_config.storage.places import temporary

#: The folder, the file system or the owner does not allow a rename that keeps everything, or there
#: is no room for a second file: overwriting needs none of that. Any other error is a failure of the
#: disk or the machine, with which an overwrite must not be risked.
_NO_RENAME = files.NOT_SUPPORTED | {
    errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EROFS, errno.EEXIST, errno.EISDIR,
    errno.ETXTBSY, errno.ENAMETOOLONG, errno.EMLINK, errno.ENOSPC,
    getattr(errno, "EDQUOT", errno.ENOSPC)}
_ATTEMPTS = 2
#: What makes a program more than a file, as set-id bits do: never copied.
_NEVER_COPIED = frozenset({"security.capability"})


class _OnlyInPlace(Exception):
    """The file cannot be replaced by another one without losing something of it."""


def write(path: str, expected: bytes, new: bytes, journal: Journal,
          warn: Callable[[str], None]) -> None:
    """Replace the content of the file, which is `expected` as far as the caller knows.

    Mode, owner, group, ACL, extended attributes and links stay.

    :raises Changed: it is not.
    :raises OSError: it could not be written; the old content stands, or the journal has the new.
    """
    try:
        _by_rename(path, expected, new, warn)
    except _OnlyInPlace:
        overwrite(path, expected, new, journal)


def remove_temporary(path: str) -> None:
    """Remove what a killed run left of a replacement."""
    with suppress_systems(OSError):
        files.remove(temporary(path))


def _by_rename(path: str, expected: bytes, new: bytes, warn: Callable[[str], None]) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with files.opened(path, os.O_RDONLY) as config:
                _rename_over(path, config, expected, new, warn)
            break
        except files.NotRegular:
            raise Changed from None
        except OSError as error:
            pass_on_hosts(error)
            if error.errno in _NO_RENAME:
                raise _OnlyInPlace from None
            if attempt == _ATTEMPTS:
                raise
        finally:
            remove_temporary(path)
    if not folders.sync_folder_of(path):
        warn("this file system cannot sync a directory: a power cut may bring back the old file")


def _rename_over(path: str, config: int, expected: bytes, new: bytes,
                 warn: Callable[[str], None]) -> None:
    status = os.fstat(config)
    if status.st_nlink > 1:
        raise _OnlyInPlace
    if files.read_all(config, len(expected) + 1) != expected:
        raise Changed
    _write_temporary(path, config, status, new, warn)
    _refuse_if_changed(path, status, expected)
    files.rename(temporary(path), path)


def _refuse_if_changed(path: str, known: os.stat_result, expected: bytes) -> None:
    """The last look: the same file, whose content, mode and owner are what they were."""
    with files.opened(path, os.O_RDONLY) as fd:
        status, data = os.fstat(fd), files.read_all(fd, len(expected) + 1)
        is_there = files.same_file(fd, path)
    is_known = os.path.samestat(status, known) and _dress(status) == _dress(known)
    if data != expected or not is_known or not is_there:
        raise Changed


def _dress(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_uid, status.st_gid, status.st_mode, status.st_nlink


def _write_temporary(path: str, config: int, status: os.stat_result, new: bytes,
                     warn: Callable[[str], None]) -> None:
    remove_temporary(path)
    fd = files.open_regular(temporary(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        files.write_all(fd, new)
        _copy_metadata(config, status, fd, warn)
        os.fsync(fd)
    finally:
        files.close(fd)


def _copy_metadata(config: int, wanted: os.stat_result, fd: int,
                   warn: Callable[[str], None]) -> None:
    """Owner, then ACL and attributes, then mode: at no instant may more users read it."""
    status = os.fstat(fd)
    if (status.st_uid, status.st_gid) != (wanted.st_uid, wanted.st_gid):
        os.fchown(fd, wanted.st_uid, wanted.st_gid)
    _copy_attributes(config, fd, warn)
    mode = stat.S_IMODE(wanted.st_mode) & 0o777
    if stat.S_IMODE(os.fstat(fd).st_mode) != mode and hasattr(os, "fchmod"):
        with files.forgiven(lambda: warn("this file system does not keep the mode of the file")):
            os.fchmod(fd, mode)


def _copy_attributes(config: int, fd: int, warn: Callable[[str], None]) -> None:
    """Extended attributes, POSIX ACLs among them; those that a folder's default gave go."""
    if not hasattr(os, "listxattr"):
        return
    with files.forgiven(lambda: warn("this file system does not keep the extended attributes of "
                                     "the file")):
        wanted = {name: os.getxattr(config, name)
                  for name in os.listxattr(config) if name not in _NEVER_COPIED}
        current = {name: os.getxattr(fd, name) for name in os.listxattr(fd)}
        for name in current.keys() - wanted.keys():
            os.removexattr(fd, name)
        for name, value in wanted.items():
            if current.get(name) != value:
                os.setxattr(fd, name, value)
