"""Hold a config: its lock, its journal and its replacement. Knows no token and no YAML.

    with hold(path, ...) as held:       wait for the lock
        held.unfinished()                what a killed run left
        held.reserve(note, size)        prove that saving will work, before anything is spent
        held.record(answer, at)         durable before it is parsed
        held.replace(expected, new)     and the journal has done its work
"""
from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Callable

from trakt_config.errors import LockTimeout, SaveError, os_reason, printable
from trakt_config.storage import files, journal, locks, replace
from trakt_config.storage.files import read, resolve
from trakt_config.storage.journal import Unfinished, exists, peek
from trakt_config.storage.replace import Changed

__all__ = ["Changed", "Held", "Unfinished", "exists", "hold", "peek", "read", "resolve"]

#: More than an answer of the token endpoint may have.
LARGEST_ANSWER = 288 * 1024

_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))

_LONGEST_PAUSE = 0.25


class Held:
    """A config that this run alone may change. Made by :func:`hold`."""

    def __init__(self, path: str, opened: journal.Journal, warn: Callable[[str], None]) -> None:
        self.path = path
        self._journal = opened
        self._warn = warn
        # What a killed run left stays, should this one end before it has looked at it.
        self._keep_journal = not opened.was_empty

    @property
    def journal_path(self) -> str:
        """Where the journal stands, as it is shown to people."""
        return printable(self._journal.path)

    def unfinished(self) -> Unfinished | None:
        """What a killed run left, an overwrite that was cut short already finished.

        From here on it stays until :meth:`discard_journal`, whatever happens.

        :raises SaveError: it cannot be read, or the overwrite cannot be finished.
        """
        self._keep_journal = True
        try:
            found = self._journal.unfinished()
            if found:
                replace.finish_overwrite(self.path, found)
        except OSError as error:
            problem = os_reason(error)
        else:
            self._keep_journal = found is not None
            return found
        raise SaveError(f"what an earlier run left in {self.journal_path} cannot be finished: "
                        f"{problem}", hint="Nothing was lost. Run again when this is fixed.")

    def discard_journal(self) -> None:
        """The journal has done its work: it goes when the lock is let go."""
        self._keep_journal = False

    def keep_journal(self) -> None:
        """What the journal says still matters: it stays for the next run."""
        self._keep_journal = True

    def reserve(self, note: bytes, size: int, *, with_answer: bool = True) -> None:
        """Prove that the config can be written, and take the room for an answer and for twice
        `size` bytes (the config before and after).

        :param with_answer: whether there will be an answer worth keeping.
        :raises SaveError: saving would fail; nothing has been spent.
        """
        room = 2 * size + (LARGEST_ANSWER if with_answer else 0)
        try:
            os.close(os.open(self.path, os.O_RDWR | files.NOFOLLOW | files.CLOEXEC))
            self._journal.begin(note, room)
            return
        except OSError as error:
            problem = os_reason(error)
            if error.errno in _NO_ROOM:
                problem += f" ({room // 1024 + 1} KiB are needed)"
        raise SaveError(f"the config could not be saved: {problem}",
                        hint="Nothing was sent to Trakt. Make the file and its folder writable, "
                             "with room on the disk.")

    def record(self, answer: bytes, at: float) -> None:
        """Make Trakt's answer durable. The journal stays until :meth:`discard_journal`.

        :param at: when it came, in seconds since 1970.
        :raises OSError: it is not durable.
        """
        self._keep_journal = True
        self._journal.append(b"answer", answer, at)

    def replace(self, expected: bytes, new: bytes) -> None:
        """Replace the config's content.

        :raises Changed: it is not `expected` any more.
        :raises OSError: it could not be written. From here on the journal stays until
            :meth:`discard_journal`: an overwrite that failed half-way is finished from it.
        """
        keep_journal, self._keep_journal = self._keep_journal, True
        self._journal.give_back_room()
        try:
            replace.replace(self.path, expected, new, self._journal, self._warn)
        except Changed:
            self._keep_journal = keep_journal
            raise
        self._keep_journal = keep_journal

    def close(self) -> None:
        """Remove the journal, unless it has to stay, and let the lock go."""
        try:
            if not self._keep_journal:
                replace.remove_temporary(self.path)
            self._journal.close(remove=not self._keep_journal)
        except OSError as error:
            self._warn(f"the journal {self.journal_path} could not be removed "
                       f"({os_reason(error)}); the next run will try again")


@contextmanager
def hold(path: str, *, timeout: float, environ: Mapping[str, str], warn: Callable[[str], None],
         monotonic: Callable[[], float] = time.monotonic,
         sleep: Callable[[float], None] = time.sleep) -> Iterator[Held]:
    """Lock the config, waiting at most `timeout` seconds in all, and never go on without.

    The journal's lock is enough among those who see the same folder. Containers that share the
    config as a single mounted file see only its inode, so that is locked as well.

    :param path: as :func:`resolve` gave it.
    :raises LockTimeout: another run did not let it go in time.
    :raises SaveError: there is no place for the journal, or the config cannot be written.
    """
    wait = _waiter(timeout, monotonic, sleep)
    warn = _once(warn)
    held = Held(path, journal.acquire(path, environ, wait, warn), warn)
    try:
        with _config_locked(path, wait, warn):
            yield held
    finally:
        held.close()


@contextmanager
def _config_locked(path: str, wait: Callable[[], None],
                   warn: Callable[[str], None]) -> Iterator[None]:
    """Lock the config's own inode, until the path leads to the inode that is locked."""
    if os.name == "nt":  # A locked file could not be replaced there.
        yield
        return
    while True:
        fd = _open_for_writing(path)
        try:
            if _is_locked(fd, path, wait, warn):
                yield
                return
        finally:
            try:
                locks.unlock(fd)
            finally:
                os.close(fd)
        wait()


def _is_locked(fd: int, path: str, wait: Callable[[], None], warn: Callable[[str], None]) -> bool:
    """Lock the open config; False where the path leads to another file by now."""
    try:
        locks.lock(fd, wait, warn)
        if not files.same_file(fd, path):
            return False
        if _lock_is_mandatory(path):
            locks.unlock(fd)
        return True
    except OSError as error:
        problem = os_reason(error)
    raise SaveError(f"the config cannot be locked: {problem}",
                    hint="Nothing was sent to Trakt. Try again when this is fixed.")


def _open_for_writing(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | files.NOFOLLOW | files.CLOEXEC)
    except OSError as error:
        problem = os_reason(error)
    raise SaveError(f"the config cannot be opened for writing: {problem}",
                    hint="Nothing was sent to Trakt. Let this user write to the file.")


def _lock_is_mandatory(path: str) -> bool:
    """Whether the lock keeps even us from reading, as flock does on SMB."""
    fd = os.open(path, os.O_RDONLY | files.CLOEXEC)
    try:
        os.read(fd, 1)
    except PermissionError:
        return True
    finally:
        os.close(fd)
    return False


def _once(warn: Callable[[str], None]) -> Callable[[str], None]:
    """`warn`, which says the same thing only once."""
    said: set[str] = set()

    def warn_once(text: str) -> None:
        if text not in said:
            said.add(text)
            warn(text)

    return warn_once


def _waiter(timeout: float, monotonic: Callable[[], float],
            sleep: Callable[[float], None]) -> Callable[[], None]:
    """A wait that grows up to a quarter of a second, and raises when the time is up."""
    deadline = monotonic() + timeout
    pause = 0.01

    def wait() -> None:
        nonlocal pause
        left = deadline - monotonic()
        if left <= 0:
            raise LockTimeout(f"another run has held the config for {timeout:g} s",
                              hint="Nothing was sent to Trakt. Try again when it has finished.")
        sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)

    return wait
