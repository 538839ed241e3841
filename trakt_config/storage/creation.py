"""A config that is made for a sign-in: empty, and gone again if nothing comes of it."""
from __future__ import annotations

import os

from trakt_config.errors import ConfigError, os_reason, pass_on_hosts
from trakt_config.storage import files, folders


def create(path: str | os.PathLike[str]) -> os.stat_result:
    """Make an empty file that only its owner can read, in a folder that exists.

    :returns: what tells it from a file that takes its place.
    :raises ConfigError: there is something already, or no such folder, or no right to.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | files.CLOEXEC, 0o600)
        try:
            return os.fstat(fd)
        finally:
            files.close(fd)
    except (OSError, ValueError) as error:
        pass_on_hosts(error)
        raise ConfigError(f"the config cannot be created: {os_reason(error)}",
                          hint="Check the path and its permissions.",
                          path=os.fsdecode(path)) from None


def remove_if_empty(path: str) -> None:
    """Remove a file that nobody has put anything into.

    :raises OSError: it cannot be read or unlinked.
    """
    path = folders.anchored(path)
    try:
        with files.opened(path, os.O_RDONLY) as fd:
            if os.fstat(fd).st_size == 0 and files.same_file(fd, path):
                files.remove(path)
    finally:
        folders.let_go_of_folder(path)
