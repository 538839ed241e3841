"""Files, in the few POSIX words that saving needs. Knows no journal, no token and no YAML."""
from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable

from trakt_config.errors import (
    LARGEST_CONFIG,
    ConfigError,
    came_by_signal,
    os_reason,
    pass_on_hosts,
    printable,
    suppress_systems,
)

#: What file systems answer that do not have the thing at all (CIFS, FAT, WSL, some FUSE).
NOT_SUPPORTED = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS,
                           errno.EINVAL})


# Flags that Windows does not have are 0 there; O_BINARY is only there.
CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
NONBLOCK = getattr(os, "O_NONBLOCK", 0)
DIRECTORY = getattr(os, "O_DIRECTORY", 0)
#: Enough to look names up in a folder that may not be listed; without it, reading has to do.
LOOK_UP = getattr(os, "O_PATH", os.O_RDONLY)

#: The machine's or the process's limit, which says nothing of the file.
NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})


@contextmanager
def forgiven(otherwise: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Do what some file systems do not have at all; there, `otherwise`.

    :raises OSError: it failed for any other reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_SUPPORTED or came_by_signal(error):
            raise
        otherwise()


class NotRegular(OSError):
    """What stands there is a FIFO, a device, a directory or a link, not a regular file."""


class Folder:
    """An open folder, in which names are looked up whatever its own name leads to by now."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = os.open(path, LOOK_UP | DIRECTORY | NOFOLLOW | CLOEXEC)

    def is_there(self) -> bool:
        """Whether its name still leads to it."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self.fd))
        except FileNotFoundError as error:
            pass_on_hosts(error)
            return False

    def close(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            close(fd)


class Anchored(str):
    """The path of a file whose folder is open.

    Whoever owns a folder, or one above it, can put a link to another folder in its place at any
    time. What is done to the file is therefore done in the folder that was opened first.
    """

    folder: Folder

    def __new__(cls, path: str, folder: Folder) -> Anchored:
        made = super().__new__(cls, path)
        made.folder = folder
        return made


def in_folder_of(path: str, other: str) -> str:
    """`other`, a path of the folder that is open for `path`, if one is."""
    return Anchored(other, path.folder) if isinstance(path, Anchored) else other


def _in_folder(path: str) -> tuple[str, int | None]:
    """The name to look up, and the descriptor of the folder to do it in."""
    if isinstance(path, Anchored):
        return os.path.basename(path), path.folder.fd
    return path, None


def reason(error: OSError) -> str:
    """Why it cannot be used, for people."""
    if isinstance(error, NotRegular) or error.errno == errno.ELOOP:
        return "it is a link or not a regular file"
    return os_reason(error)


def resolve(path: str | os.PathLike[str]) -> str:
    """The absolute path of the regular file that `path` leads to, links followed.

    :raises ConfigError: there is no such file, or it is not a regular one.
    """
    hint = "Check the path of the config."
    try:
        real = os.path.realpath(os.fspath(path))
        mode = os.stat(real).st_mode
        if stat.S_ISREG(mode):
            return real
        problem = "is not a regular file"
        if not os.fspath(path):
            problem, hint = "has an empty path", "Name the file."
        elif stat.S_ISDIR(mode):
            problem, hint = "is a directory", "Name the file in it."
    except FileNotFoundError as error:
        pass_on_hosts(error)
        problem = "does not exist"
        if os.path.islink(path):
            problem = f"is a link to {printable(real)}, which does not exist"
            hint = "Make that file (an empty one will do for login), or correct the link."
        else:
            from trakt_config.storage import mistyped
            hint = mistyped.advice(os.fspath(path)) or hint
    except PermissionError as error:
        pass_on_hosts(error)
        from trakt_config.storage import mistyped, users
        folder = mistyped.closed_folder(real)
        problem = f"cannot be read: {users.this_user()} may not enter {printable(folder)}"
        hint = "Let this user enter the folder, or run this as one who may."
    except (OSError, ValueError) as error:
        pass_on_hosts(error)
        problem = f"cannot be read: {os_reason(error)}"
    raise ConfigError(f"the config {problem}", hint=hint)


def open_regular(path: str, flags: int) -> int:
    """Open the regular file that stands there, without following a link and without blocking.

    What is to be known of the file is asked of this descriptor: a name may lead elsewhere by then.

    :raises NotRegular: it is something else, which is neither read nor written.
    :raises OSError: it cannot be opened.
    """
    try:
        name, folder = _in_folder(path)
        fd = os.open(name, flags | CLOEXEC | NOFOLLOW | NONBLOCK, 0o600, dir_fd=folder)
    except OSError as error:
        pass_on_hosts(error)
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise NotRegular from None
        raise
    try:
        is_regular = stat.S_ISREG(os.fstat(fd).st_mode)
    except BaseException:
        close(fd)
        raise
    if is_regular:
        return fd
    close(fd)
    raise NotRegular


@contextmanager
def opened(path: str, flags: int) -> Iterator[int]:
    """:func:`open_regular`, until the work with it is done."""
    fd = open_regular(path, flags)
    try:
        yield fd
    finally:
        close(fd)


def close(fd: int) -> None:
    """Close it. What matters was synced before: a failure here must not hide how the work ended."""
    with suppress_systems(OSError):
        os.close(fd)


def read(path: str) -> bytes:
    """The bytes of the file; of a file that is too large, one more than is allowed.

    :raises ConfigError: it cannot be read, or is no regular file any more.
    :raises OSError: no file descriptors are left, which is not the file's fault.
    """
    hint = "Check the path and its permissions."
    try:
        with opened(path, os.O_RDONLY) as fd:
            return read_all(fd, LARGEST_CONFIG + 1)
    except NotRegular:
        problem = "is not a regular file"
    except OSError as error:
        if error.errno in NO_DESCRIPTORS or came_by_signal(error):
            raise
        problem = f"cannot be read: {os_reason(error)}"
        if isinstance(error, PermissionError):
            from trakt_config.storage import users
            problem += users.among_users(error, path)
            hint = "Run this as the user whose file it is, or let this one read and write it."
    raise ConfigError(f"the config {problem}", hint=hint)


def read_all(fd: int, limit: int) -> bytes:
    """At most `limit` bytes from where `fd` stands."""
    parts = []
    while limit > 0:
        part = os.read(fd, min(limit, 1 << 20))
        if not part:
            break
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data` where `fd` stands; the system may take it in pieces.

    :raises OSError: it does not take all of it.
    """
    view = memoryview(data)
    while view:
        written = os.write(fd, view)
        if not written:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        view = view[written:]


def remove(path: str) -> None:
    """:raises OSError: it cannot be unlinked."""
    name, folder = _in_folder(path)
    os.unlink(name, dir_fd=folder)


def rename(path: str, other: str) -> None:
    """Give the file the name of another one of the same folder, which goes.

    :raises OSError: that does not work.
    """
    (name, folder), (new_name, _) = _in_folder(path), _in_folder(other)
    os.replace(name, new_name, src_dir_fd=folder, dst_dir_fd=folder)


def look(path: str) -> os.stat_result:
    """What stands there, links not followed.

    :raises OSError: nothing does, or it cannot be told.
    """
    name, folder = _in_folder(path)
    return os.lstat(name, dir_fd=folder)


def same_file(fd: int, path: str) -> bool:
    """Whether `path` still leads, without a link, to the open file."""
    try:
        return os.path.samestat(os.fstat(fd), look(path))
    except FileNotFoundError as error:
        pass_on_hosts(error)
        return False
