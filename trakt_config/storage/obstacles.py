"""What would keep a run from saving, as far as can be told without a lock and without writing."""
from __future__ import annotations

import os
from collections.abc import Mapping

from trakt_config.errors import SaveError, pass_on_hosts, printable
from trakt_config.storage import access, files, places, users
from trakt_config.storage.held import room_for_answer
from trakt_config.storage.journal import unusable


def obstacle(config: str, environ: Mapping[str, str]) -> SaveError | None:
    """Why a run could not hold the config now, let alone save something new in it; None where
    nothing is known.

    :param config: as :func:`trakt_config.storage.resolve` gave it.
    """
    if not os.access(config, os.W_OK):
        return _cannot_write(f"{users.why_not_writable(config)}, so nothing new could be saved")
    near, elsewhere = places.beside(config), places.in_state_directory(config, environ)
    standing = [path for path in (elsewhere, near) if path and os.path.lexists(path)]
    if standing:
        problems = (_place_problem(path, config) for path in standing)
        return next(filter(None, problems), None)
    if _takes_files(os.path.dirname(near)) or elsewhere and _takes_files(
            _first_that_is_there(os.path.dirname(elsewhere))):
        return None
    state = f" {printable(os.path.dirname(elsewhere))}" if elsewhere else ""
    return _cannot_write(f"neither its folder nor the state directory{state} takes a file from "
                         f"{users.this_user()}, so nothing new could be saved")


def lack_of_room(config: str, environ: Mapping[str, str], size: int) -> SaveError | None:
    """Why an answer, and `size` bytes twice, would not find room where the journal of the config
    would stand; None where nothing is known.

    :param config: as :func:`obstacle` has it, which knows of nothing.
    """
    near, elsewhere = places.beside(config), places.in_state_directory(config, environ)
    standing = next((path for path in (elsewhere, near) if path and os.path.lexists(path)), None)
    path = standing or near
    if not standing and elsewhere and not _takes_files(os.path.dirname(near)):
        path = elsewhere
    return _room_problem(_first_that_is_there(os.path.dirname(path)),
                         room_for_answer(size) - (_taken_by(standing) if standing else 0))


def _cannot_write(problem: str) -> SaveError:
    return SaveError(problem, hint="Let this user write to the config and its folder, with room on "
                                   "the disk.")


def _place_problem(path: str, config: str) -> SaveError | None:
    """What is wrong with a journal that stands there."""
    try:
        with files.opened(path, os.O_RDONLY) as fd:
            problem = access.objection(fd, path, access.of(config))
    except OSError as error:
        pass_on_hosts(error)
        problem = files.reason(error)
    if not problem and not os.access(path, os.W_OK):
        problem = "this user cannot write to it"
    return unusable(path, problem) if problem else None


def _takes_files(folder: str) -> bool:
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _first_that_is_there(folder: str) -> str:
    """The folder, or the nearest above it."""
    while not os.path.lexists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return folder


def _taken_by(path: str) -> int:
    """What a journal takes of its disk already: the next note is written over it."""
    return int(getattr(os.lstat(path), "st_blocks", 0)) * 512  # POSIX, sys/stat.h


def _room_problem(folder: str, needed: int) -> SaveError | None:
    """Whether the disk has that many bytes."""
    if not hasattr(os, "statvfs"):
        return None
    disk = os.statvfs(folder)
    free = disk.f_bfree if os.geteuid() == 0 else disk.f_bavail  # Root may take what is reserved.
    if disk.f_blocks and free * disk.f_frsize < needed:
        return _cannot_write("there is no room on its disk, so nothing new could be saved "
                             f"({needed // 1024 + 1} KiB are needed)")
    return None
