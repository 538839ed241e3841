"""What would keep a run from saving, as far as can be told without a lock and without writing."""
from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from trakt_config.errors import printable
from trakt_config.storage import places
from trakt_config.storage.held import LARGEST_ANSWER


def obstacle(config: str, environ: Mapping[str, str]) -> str:
    """Why nothing new could be saved in the config now; empty where nothing is known.

    :param config: as :func:`trakt_config.storage.resolve` gave it.
    """
    if not os.access(config, os.W_OK):
        return "this user cannot write to it, so nothing new could be saved"
    near, elsewhere = places.beside(config), places.in_state_directory(config, environ)
    if elsewhere and os.path.lexists(elsewhere):
        return _place_problem(elsewhere, config)
    if os.path.lexists(near):
        return _place_problem(near, config)
    if _takes_files(os.path.dirname(near)):
        return _room_problem(os.path.dirname(near), config)
    if elsewhere and _takes_files(_first_that_is_there(os.path.dirname(elsewhere))):
        return ""
    return ("neither its folder nor the state directory takes a file from this user, so nothing "
            "new could be saved")


def _place_problem(path: str, config: str) -> str:
    """What is wrong with a journal that stands there."""
    problem = _foreign(os.lstat(path), os.stat(config))
    if not problem and not os.access(path, os.R_OK | os.W_OK):
        problem = "this user cannot open it"
    if problem:
        return f"the journal {printable(path)} cannot be used: {problem}"
    return _room_problem(os.path.dirname(path), config)


def _foreign(status: os.stat_result, config: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        return "it is a link or not a regular file"
    if not hasattr(os, "geteuid") or status.st_uid in (config.st_uid, os.geteuid()):
        return ""
    # Of a shared config the journal belongs to whoever of the group made it.
    is_shared = status.st_gid == config.st_gid and status.st_mode & stat.S_IWGRP
    return "" if is_shared else "it belongs to another user"


def _takes_files(folder: str) -> bool:
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _first_that_is_there(folder: str) -> str:
    """The folder, or the nearest above it."""
    while not os.path.lexists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return folder


def _room_problem(folder: str, config: str) -> str:
    """Whether the disk has room for an answer, and for the config before and after."""
    if not hasattr(os, "statvfs"):
        return ""
    disk = os.statvfs(folder)
    needed = LARGEST_ANSWER + 2 * os.stat(config).st_size
    free = disk.f_bfree if os.geteuid() == 0 else disk.f_bavail  # Root may take what is reserved.
    if disk.f_blocks and free * disk.f_frsize < needed:
        return (f"there is no room on its disk, so nothing new could be saved "
                f"({needed // 1024 + 1} KiB are needed)")
    return ""
