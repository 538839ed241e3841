"""The folder of a file: kept open while the file is worked on, made, and synced."""
from __future__ import annotations

import errno
import os

from trakt_config.errors import pass_on_hosts
from trakt_config.storage.files import (
    CLOEXEC,
    DIRECTORY,
    LOOK_UP,
    NONBLOCK,
    Anchored,
    Folder,
    NotRegular,
    close,
    forgiven,
)

_CAN_LOOK_UP = bool(DIRECTORY) and os.open in os.supports_dir_fd


def anchored(path: str) -> str:
    """The same path, in a folder that is opened now, until :func:`let_go_of_folder`.

    :raises NotRegular: a link stands in the folder's place.
    :raises OSError: it cannot be opened.
    """
    if not _CAN_LOOK_UP:
        return path
    try:
        return Anchored(path, Folder(os.path.dirname(path)))
    except OSError as error:
        pass_on_hosts(error)
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise NotRegular from None
        if isinstance(error, PermissionError) and LOOK_UP == os.O_RDONLY:
            return path
        raise


def let_go_of_folder(path: str) -> None:
    """The file is not needed any more."""
    if isinstance(path, Anchored):
        path.folder.close()


def refuse_if_moved(path: str) -> None:
    """See that the folder's name still leads to the folder that is open.

    :raises OSError: it does not: what is saved would not be where it was asked for.
    """
    if isinstance(path, Anchored) and not path.folder.is_there():
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


def folder_mode(path: str) -> int:
    """The mode of the folder that the file is in."""
    if isinstance(path, Anchored):
        return os.fstat(path.folder.fd).st_mode
    return os.stat(os.path.dirname(path)).st_mode


def sync_folder_of(path: str) -> bool:
    """:func:`sync_directory` of the folder that the file is in."""
    if isinstance(path, Anchored):
        return sync_directory(os.curdir, path.folder.fd)
    return sync_directory(os.path.dirname(path))


def sync_directory(path: str, folder: int | None = None) -> bool:
    """Make the names in the directory durable; False where the file system cannot.

    :raises OSError: it can, and failed.
    """
    if not DIRECTORY:
        return False
    try:
        fd = os.open(path, os.O_RDONLY | DIRECTORY | CLOEXEC | NONBLOCK, dir_fd=folder)
    except PermissionError as error:  # A directory that may be written but not listed.
        pass_on_hosts(error)
        return False
    try:
        with forgiven():
            os.fsync(fd)
            return True
    finally:
        close(fd)
    return False


def make_directory(path: str) -> None:
    """Make the directory and those above it, for the owner alone, with durable names.

    :raises OSError: it cannot be made.
    """
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    if above != path:
        make_directory(above)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError as error:  # Another run was faster, or a file is in the way.
        pass_on_hosts(error)
        if not os.path.isdir(path):
            raise
    sync_directory(above)
