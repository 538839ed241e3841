"""Hold a config: its lock, its journal and its replacement. Knows no token and no YAML.

    with hold(path, ...) as held:       2: wait for the lock
        held.recover()                  3: finish what a killed run left
        held.reserve(note, size)        5: prove that saving will work, before anything is spent
        held.record(answer, at)         7: durable before it is parsed
        held.replace(expected, new)     9: or 9', in place
        held.discard_journal()          10: it goes as the lock is let go; without this it stays

The numbers are those of the steps in docs/guarantees.rst.
"""
from __future__ import annotations

import errno
import functools
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Callable

from trakt_config.errors import LockTimeout, SaveError, os_reason, pass_on_hosts, printable
from trakt_config.storage import files, folders, journal, locks, overwrite, replacement, users
from trakt_config.storage.journal_file import Journal
from trakt_config.storage.records import JournalContent

#: Does a write to the config.
Complete = Callable[[Callable[[], None]], None]

#: More than an answer of the token endpoint may have.
ANSWER_ROOM = 288 * 1024

_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))

_LONGEST_PAUSE = 0.25

_TRY_AGAIN = "Nothing was sent to Trakt. Try again when this is fixed."
_LET_IT_WRITE = ("Nothing was sent to Trakt. Let this user write to the file, or keep the "
                 "tokens in a small file of their own.")


class Held:
    """A config that this run alone may change. Made by :func:`hold`.

    :ivar path: where it is read and written: in its folder, whatever its name leads to by now.
    :ivar second: the same with another journal, where two were left.
    """

    def __init__(self, path: str, opened: Journal, warn: Callable[[str], None],
                 complete: Complete) -> None:
        self.path = path
        self._journal = opened
        self._warn = warn
        self._complete = complete
        self.second: Held | None = None

    @property
    def journal_path(self) -> str:
        """Where the journal stands, as it is shown to people."""
        return printable(self._journal.path)

    @property
    def is_half_written(self) -> bool:
        """Whether an overwrite of the config has failed; the next run finishes it."""
        return self._journal.is_overwriting

    def recover(self) -> JournalContent | None:
        """Finish an overwrite that was cut short, and return what else a killed run left.

        From here on it stays until :meth:`discard_journal`, whatever happens.

        :raises SaveError: it cannot be read, or the overwrite cannot be finished.
        """
        with _refusing(f"what an earlier run left in {self.journal_path} cannot be finished",
                       "Nothing was lost. Run again when this is fixed."):
            found = self._journal.unfinished()
            if found:
                self._complete(functools.partial(overwrite.finish_overwrite, self.path, found))
            return found

    def discard_journal(self) -> None:
        """The journal has done its work: it goes when the lock is let go."""
        self._journal.is_needed = False

    def discard_journals(self) -> None:
        """Of two, both have."""
        for held in (self, self.second):
            if held:
                held.discard_journal()

    def keep_journal(self) -> None:
        """What the journal says still matters: it stays for the next run."""
        self._journal.is_needed = True

    def reserve(self, note: bytes, size: int, *, with_answer: bool = True) -> None:
        """Prove that the config can be written, and take the room for an answer and for twice
        `size` bytes (the config before and after).

        :param with_answer: whether there will be an answer worth keeping.
        :raises SaveError: saving would fail; nothing has been spent.
        """
        room = room_for_answer(size) if with_answer else 2 * size
        try:
            folders.refuse_if_moved(self.path)
            files.close(files.open_regular(self.path, os.O_RDWR))
            self._journal.begin(note, room)
        except OSError as error:
            pass_on_hosts(error)
            problem = files.reason(error)
            if error.errno in _NO_ROOM:
                problem += f" ({room // 1024 + 1} KiB are needed)"
            raise SaveError(f"the config could not be saved: {problem}",
                            hint="Nothing was sent to Trakt. Make the file and its folder "
                                 "writable, with room on the disk.") from None

    def record(self, answer: bytes, at: float) -> None:
        """Make Trakt's answer durable. The journal stays until :meth:`discard_journal`.

        :param at: when it came, in seconds since 1970.
        :raises OSError: it is not durable.
        """
        self._journal.record_answer(answer, at)

    def remember_half(self, digest: str) -> None:
        """Note of which digest the half is that an overwrite has left of a refresh token.

        :raises OSError: it is not durable.
        """
        self._journal.record_half(digest.encode("ascii"))

    def replace(self, expected: bytes, new: bytes) -> None:
        """Replace the config's content.

        :raises overwrite.Changed: it is not `expected` any more.
        :raises OSError: it could not be written. An overwrite that failed half-way stays in the
            journal, and the next run finishes it.
        """
        folders.refuse_if_moved(self.path)
        self._journal.give_back_room()
        self._complete(lambda: replacement.write(self.path, expected, new, self._journal,
                                                 self._warn))

    def close(self) -> None:
        """Remove the journal, unless it has to stay, and let the lock go.

        What fails is only warned of: how the work ended is what counts.
        """
        try:
            try:
                if not self._journal.is_pending:
                    replacement.remove_temporary(self.path)
            finally:
                self._journal.close(remove=not self._journal.is_pending)
        except OSError as error:
            pass_on_hosts(error)
            self._warn(f"the journal {self.journal_path} could not be removed "
                       f"({os_reason(error)}); the next run will try again")


def room_for_answer(size: int) -> int:
    """The bytes of an answer, and of twice `size`: the config before and after."""
    return ANSWER_ROOM + 2 * size


@contextmanager
def hold(path: str, *, timeout: float, environ: Mapping[str, str],
         warn: Callable[[str], None],
         complete: Complete = lambda write: write()) -> Iterator[Held]:
    """Lock the config, waiting at most `timeout` seconds in all, and never go on without.

    The journal's lock is enough among those who see the same folder. Containers that share the
    config as a single mounted file see only its inode, so that is locked as well.

    :param path: as :func:`resolve` gave it.
    :param complete: keeps an interruption from leaving a write to the config half done.
    :raises LockTimeout: another run did not let it go in time.
    :raises SaveError: there is no place for the journal, or the config cannot be written.
    """
    wait = _waiter(timeout)
    warn = _once(warn)
    with _in_its_folder(path) as path:
        first = journal.acquire(path, environ, wait, warn)
        held = Held(path, first, warn, complete)
        try:
            second = journal.acquire_second(path, first, wait, warn)
            held.second = Held(path, second, warn, complete) if second else None
            with _config_locked(path, wait, warn):
                yield held
        finally:
            if held.second:
                held.second.close()
            held.close()
            folders.let_go_of_folder(first.path)


@contextmanager
def _refusing(problem: str, hint: str = _TRY_AGAIN) -> Iterator[None]:
    """What the system refuses in here is this problem."""
    try:
        yield
    except OSError as error:
        pass_on_hosts(error)
        raise SaveError(f"{problem}: {files.reason(error)}", hint=hint) from None


@contextmanager
def _in_its_folder(path: str) -> Iterator[str]:
    """The path, in its open folder."""
    with _refusing("the config's folder cannot be opened"):
        path = folders.anchored(path)
    try:
        yield path
    finally:
        folders.let_go_of_folder(path)


@contextmanager
def _config_locked(path: str, wait: Callable[[], None],
                   warn: Callable[[str], None]) -> Iterator[None]:
    """Lock the config's own inode, until the path leads to the inode that is locked."""
    if os.name == "nt":  # A locked file could not be replaced there.
        yield
        return
    while True:
        last_fork = locks.last_fork()
        try:
            fd = files.open_regular(path, os.O_RDWR)
        except OSError as error:
            pass_on_hosts(error)
            raise SaveError("the config cannot be opened for writing: "
                            f"{files.reason(error)}{users.among_users(error, path)}",
                            hint=_LET_IT_WRITE) from None
        try:
            if _is_locked(fd, path, wait, warn, last_fork):
                yield
                return
        finally:
            locks.unlock(fd)
            files.close(fd)
        wait()


def _is_locked(fd: int, path: str, wait: Callable[[], None], warn: Callable[[str], None],
               last_fork: object) -> bool:
    """Lock the open config; False where it has to be opened again: the path leads to another file
    by now, or a forked child has it as well.
    """
    with _refusing("the config cannot be locked"):
        if not locks.lock(fd, wait, warn, last_fork) or not files.same_file(fd, path):
            return False
        if _lock_is_mandatory(path):
            locks.unlock(fd)
        return True


def _lock_is_mandatory(path: str) -> bool:
    """Whether the lock keeps even us from reading, as flock does on SMB."""
    with files.opened(path, os.O_RDONLY) as fd:
        try:
            os.read(fd, 1)
        except PermissionError as error:
            pass_on_hosts(error)
            return True
    return False


def _once(warn: Callable[[str], None]) -> Callable[[str], None]:
    """`warn`, which says the same thing only once."""
    said: set[str] = set()

    def warn_once(text: str) -> None:
        if text not in said:
            said.add(text)
            warn(text)

    return warn_once


def _waiter(timeout: float) -> Callable[[], None]:
    """A wait that grows up to a quarter of a second, and raises when the time is up."""
    deadline = time.monotonic() + timeout
    pause = 0.01

    def wait() -> None:
        nonlocal pause
        left = deadline - time.monotonic()
        if left <= 0:
            raise LockTimeout(f"another run has held the config for {timeout:g} s",
                              hint="Nothing was sent to Trakt. Try again when it has finished.")
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)

    return wait
