"""The journal: one hidden file that is the lock of a config and the memory of a request.

It stands beside the config while a request is under way. Whoever holds its lock (flock) is at work
on the config; a journal whose lock can be had is a left-over: its run was killed, or ended with
something to remember, and the next run finishes it. Here it is found or made, and locked.
"""
from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator, Mapping
from typing import Callable

from trakt_config.errors import (
    ConfigError,
    LockTimeout,
    SaveError,
    os_reason,
    pass_on_hosts,
    printable,
    suppress_systems,
)
from trakt_config.storage import access, files, folders, locks, records, users
from trakt_config.storage.journal_file import Journal, let_go
from trakt_config.storage.places import beside, in_state_directory, other_journals
from trakt_config.storage.records import JournalContent

#: How often a journal that cannot be opened is tried again while nobody holds the config: whose it
#: is may be about to lock that, or to remove the journal.
_TRIES = 3


def peek_journal(config: str, environ: Mapping[str, str]) -> JournalContent | None:
    """What the journal of `config` says, for those who do not hold it; None where it says nothing
    or cannot be read.
    """
    found = [_read(path or "") for path in (beside(config), in_state_directory(config, environ))]
    # Of two, the one with the last answer is what matters.
    return max(filter(None, found), key=lambda left: (left.answer is not None, left.answered_at),
               default=None)


def journals_of_others(config: str,
                       environ: Mapping[str, str]) -> Iterator[tuple[str, JournalContent]]:
    """What the journals of other configs say, as far as they can be read, each with its path: where
    this one was renamed after a run on it was killed, its own is among them.
    """
    for path in other_journals(config, environ):
        left = _read(path)
        if left is not None:
            yield printable(path), left


def _read(path: str) -> JournalContent | None:
    try:
        with files.opened(path, os.O_RDONLY) as fd:
            return records.parse(files.read_all(fd, records.LARGEST_JOURNAL))
    except OSError as error:
        pass_on_hosts(error)
        return None


def acquire(config: str, environ: Mapping[str, str], wait: Callable[[], None],
            warn: Callable[[str], None]) -> Journal:
    """Open and lock the journal of `config`, wherever one can stand.

    :param wait: called when somebody else holds it; raises when the time is up.
    :raises SaveError: no journal can stand anywhere, or what stands there is not ours.
    """
    near, elsewhere = beside(config), in_state_directory(config, environ)
    problems = []
    if not (elsewhere and os.path.lexists(elsewhere)):
        try:
            return _acquire_at(near, config, wait, warn)
        except OSError as error:
            pass_on_hosts(error)
            problems.append(_reason(near, error))
    if problems and _stands(near):  # Never passed over: it may hold an answer.
        raise unusable(near, problems[0])
    if elsewhere:
        try:
            folders.make_directory(os.path.dirname(elsewhere))
            return _acquire_elsewhere(elsewhere, config, wait, warn)
        except OSError as error:
            pass_on_hosts(error)
            problems.append(f"in the state directory {printable(os.path.dirname(elsewhere))}: "
                            f"{_reason(elsewhere, error)}")
    if not os.access(config, os.W_OK):  # A folder that takes files would be of no use.
        raise SaveError(f"{users.why_not_writable(config)}; nor can a journal be written",
                        hint="Nothing was sent to Trakt. Let this user write to the config and "
                             "its folder.")
    raise SaveError(
        f"no journal can be written beside the config ({'; '.join(problems)})",
        hint="Nothing was sent to Trakt. Let this user write to the folder, "
             "or set TRAKT_CONFIG_STATE_DIR to a folder that lasts.")


def _acquire_elsewhere(path: str, config: str, wait: Callable[[], None],
                       warn: Callable[[str], None]) -> Journal:
    """In a folder of its own, which stays open as long as the journal."""
    path = folders.anchored(path)
    try:
        return _acquire_at(path, config, wait, warn)
    except BaseException:
        folders.let_go_of_folder(path)
        raise


def acquire_second(config: str, first: Journal, wait: Callable[[], None],
                   warn: Callable[[str], None]) -> Journal | None:
    """Where the first stands in the state directory: the one beside the config, if there is one.

    Runs with different state directories leave two, as do a container and its host; the answer
    may be in either.

    :raises SaveError: it cannot be used.
    """
    near = beside(config)
    if first.path == near or not os.path.lexists(near):
        return None
    try:
        return _acquire_at(near, config, wait, warn)
    except OSError as error:
        pass_on_hosts(error)
        if not _stands(near):
            return None
        raise unusable(near, _reason(near, error)) from None


def _reason(path: str, error: OSError) -> str:
    """Why there is no journal.

    :raises SaveError: the reason lies in no folder.
    """
    if error.errno in files.NO_DESCRIPTORS:
        raise SaveError(f"the journal {printable(path)} cannot be opened: {os_reason(error)}",
                        hint="Nothing was sent to Trakt. Try again when this is fixed.") from None
    return files.reason(error)


def _stands(path: str) -> bool:
    """Whether there is something, as far as can be told."""
    try:
        files.look(path)
    except OSError as error:
        pass_on_hosts(error)
        return not isinstance(error, FileNotFoundError)
    return True


def _acquire_at(path: str, config: str, wait: Callable[[], None],
                warn: Callable[[str], None]) -> Journal:
    tries = 0
    while True:
        # A file object is closed, and so unlocked, at the latest when it is forgotten: an exception
        # of the host, such as Ctrl-C, may come between any two steps.
        last_fork = locks.last_fork()
        try:
            fd = _open(path, config)
        except FileExistsError as error:  # Another run was faster, or it must not be used.
            pass_on_hosts(error)
            wait()
            continue
        if fd is None:
            tries = _wait_for_permission(path, config, wait, tries)
            continue
        file = io.FileIO(fd, "r+")
        try:
            is_ours = locks.lock(file.fileno(), wait, warn, last_fork)
            if is_ours and files.same_file(file.fileno(), path):
                return Journal(path, file)
        except BaseException:
            let_go(file)
            raise
        # Whoever held it has finished and unlinked it; or a child that was just forked has it too.
        let_go(file)
        wait()


def _wait_for_permission(path: str, config: str, wait: Callable[[], None], tries: int) -> int:
    """Wait for a journal that this user may not open, while somebody is at work on it, or has just
    made it and not shared it yet.

    :returns: how often in a row nobody was; `tries`, before this time.
    :raises SaveError: it was left, and only its owner can finish it.
    :raises LockTimeout: the time is up.
    """
    empty = _is_empty(path)
    idle = not empty and not _is_held(config)
    tries = tries + 1 if idle else 0
    if tries > _TRIES:
        raise unusable(path, "this user may not open it")
    try:
        wait()
        return tries
    except LockTimeout:
        if not empty and not idle:
            raise
    if idle:
        raise unusable(path, "this user may not open it")
    raise LockTimeout(f"the journal {printable(path)} is empty, and this user may not open it",
                      hint="Nothing was sent to Trakt. If no run of its owner is under way, "
                           "remove it, and run again.")


def _is_empty(path: str) -> bool:
    """Whether it is known that it says nothing."""
    try:
        status = files.look(path)
    except OSError as error:
        pass_on_hosts(error)
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def _is_held(config: str) -> bool:
    """Whether a run holds the lock of the config itself."""
    try:
        with files.opened(config, os.O_RDONLY) as fd:
            return locks.is_locked(fd)
    except OSError as error:
        pass_on_hosts(error)
        return False


def _open(path: str, config: str) -> int | None:
    """Open or make the journal, and refuse one that somebody else may have planted.

    :returns: None where this user may not open the one that stands there.
    """
    whose = _access(config)
    try:
        fd, is_new = _open_or_make(path)
    except PermissionError as error:
        pass_on_hosts(error)
        if _stands(path):
            return None
        raise
    try:
        problem = access.objection(fd, path, whose)
        if not problem and not is_new and access.is_roots_own(fd, whose):
            _make_room(path)
        if not problem:
            access.share(fd, whose)
            return fd
    except BaseException:
        files.close(fd)
        raise
    files.close(fd)
    raise unusable(path, problem)


def _open_or_make(path: str) -> tuple[int, bool]:
    """The open journal, and whether it was made. Both ways in one call to the system would be
    refused in a sticky folder (fs.protected_regular).
    """
    try:
        return files.open_regular(path, os.O_RDWR), False
    except FileNotFoundError as error:
        pass_on_hosts(error)
        return files.open_regular(path, os.O_RDWR | os.O_CREAT | os.O_EXCL), True


def _make_room(path: str) -> None:
    """Remove an empty file of root's. A run of root's that was killed may have left it; or the
    folder's owner has moved another file here, which would be given to them.

    :raises FileExistsError: it is gone; or whoever had just made it makes another.
    """
    with suppress_systems(FileNotFoundError):
        files.remove(path)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _access(config: str) -> access.Access:
    try:
        return access.of(config)
    except FileNotFoundError as error:
        pass_on_hosts(error)
        problem = "does not exist any more"
    except files.NotRegular:
        problem = "is not a regular file any more"
    raise ConfigError(f"the config {problem}", hint="Check the path of the config.")


def unusable(path: str, problem: str) -> SaveError:
    """The error for a journal that stands there and cannot be used; it may hold an answer."""
    advice = "Run as the user who owns the config; if no such run left that file, remove it."
    try:
        status = files.look(path)
    except OSError as error:
        pass_on_hosts(error)
    else:
        if stat.S_ISREG(status.st_mode) and status.st_size:
            owner = users.user_name(status.st_uid)
            advice = f"Keep it: it may hold Trakt's answer. Let its owner, {owner}, finish it " \
                     "by running trakt-config."
            if owner not in problem:
                problem += f" (it belongs to {owner})"
    return SaveError(f"the journal {printable(path)} cannot be used: {problem}",
                     hint=f"Nothing was sent to Trakt. {advice}")
