"""The journal: one hidden file that is the lock of a config and the memory of a request.

It stands beside the config while a request is under way, and holds, each with a length and a
checksum so that a torn write is recognised:

    trakt_config journal 1
    note ...      what is about to be spent (written, with room for the rest, before the request)
    answer ...    the raw answer of the token endpoint (before a character of it is parsed)
    before ...    what an overwrite in place replaces,
    content ...   and what it writes

Whoever holds the lock (flock) is at work on it. A journal whose lock can be had is a left-over of
a run that was killed, and the next run finishes it.
"""
from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable

from trakt_config.errors import ConfigError, SaveError, os_reason, printable
from trakt_config.storage import files, locks

MAGIC = b"trakt_config journal "
VERSION = 1
LARGEST_JOURNAL = 4 * files.LARGEST_CONFIG

_SUFFIX = ".trakt-journal"
#: Some file systems (eCryptfs) allow 143 bytes a name; longer ones are replaced by a hash. The
#: config's replacement has four bytes more than the journal.
_LONGEST_NAME = 139


@dataclass(frozen=True)
class Unfinished:
    """What a killed run left. ``newer`` says that a newer version of this package wrote it."""

    note: bytes | None = field(default=None, repr=False)
    answer: bytes | None = field(default=None, repr=False)
    answered_at: float = 0
    before: bytes | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    newer: bool = False
    size: int = 0  #: how many bytes of the journal all of that takes


class Journal:
    """An open and locked journal. Made by :func:`acquire`.

    :ivar was_empty: whether nothing at all was in it by then.
    """

    def __init__(self, path: str, file: io.FileIO) -> None:
        self.path = path
        self._file = file
        self._fd = file.fileno()
        self.was_empty = os.fstat(self._fd).st_size == 0

    def unfinished(self) -> Unfinished | None:
        """What an earlier run left here; None where it is empty.

        :raises OSError: it cannot be read.
        """
        os.lseek(self._fd, 0, os.SEEK_SET)
        found = parse(files.read_all(self._fd, LARGEST_JOURNAL))
        os.lseek(self._fd, found.size if found else 0, os.SEEK_SET)
        return found

    def begin(self, note: bytes, room: int) -> None:
        """Start anew with `note`, and reserve `room` bytes for what will follow; all synced.

        :raises OSError: there is no room, or the disk fails.
        """
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        head = MAGIC + b"%d\n" % VERSION + _record(b"note", note, time.time())
        _allocate(self._fd, len(head) + room)
        files.write_all(self._fd, head)
        os.fsync(self._fd)
        files.sync_directory(os.path.dirname(self.path))

    def append(self, kind: bytes, payload: bytes, at: float = 0) -> None:
        """Add a record and sync it.

        :raises OSError: it is not durable.
        """
        start = os.lseek(self._fd, 0, os.SEEK_CUR)
        try:
            files.write_all(self._fd, _record(kind, payload, at))
        except BaseException:
            os.lseek(self._fd, start, os.SEEK_SET)  # Behind a torn record none would be found.
            raise
        os.fsync(self._fd)

    def give_back_room(self) -> None:
        """Cut off what was reserved beyond the last record, for the config's replacement."""
        os.ftruncate(self._fd, os.lseek(self._fd, 0, os.SEEK_CUR))

    def close(self, *, remove: bool) -> None:
        """Unlock it; where `remove`, unlink it first, so that nobody waits for a file that is gone.

        :raises OSError: it is still there; it is unlocked all the same.
        """
        try:
            if remove and os.name != "nt":
                self._unlink()
        finally:
            _let_go(self._file)
        if remove and os.name == "nt":  # Where an open file cannot be unlinked.
            os.unlink(self.path)

    def _unlink(self) -> None:
        if files.same_file(self._fd, self.path):
            os.unlink(self.path)
            files.sync_directory(os.path.dirname(self.path))


def beside(config: str) -> str:
    """Where the journal of `config` stands: in its folder, hidden, never ending in .yml."""
    folder, name = os.path.split(config)
    if len(os.fsencode(name)) + 1 + len(_SUFFIX) > _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return os.path.join(folder, f".{name}{_SUFFIX}")


def in_state_directory(config: str, environ: Mapping[str, str]) -> str | None:
    """Where it stands when the folder takes no file; None without a home directory."""
    name = hashlib.sha256(os.fsencode(config)).hexdigest()[:32] + _SUFFIX
    own = environ.get("TRAKT_CONFIG_STATE_DIR")
    if own:
        return os.path.join(os.path.abspath(own), name)
    state = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # The XDG specification: a relative path is to be ignored.
        home = environ.get("HOME") or environ.get("USERPROFILE") or ""
        if not os.path.isabs(home):
            return None
        state = os.path.join(home, ".local", "state")
    return os.path.join(state, "trakt_config", name)


def exists(config: str, environ: Mapping[str, str]) -> bool:
    """Whether there is a journal of `config` in either place."""
    elsewhere = in_state_directory(config, environ)
    return os.path.lexists(beside(config)) or bool(elsewhere and os.path.lexists(elsewhere))


def peek(config: str, environ: Mapping[str, str]) -> Unfinished | None:
    """What the journal of `config` says, for those who do not hold it; None where it says nothing
    or cannot be read.
    """
    for path in (beside(config), in_state_directory(config, environ)):
        try:
            fd = os.open(path or "", os.O_RDONLY | files.NOFOLLOW | files.CLOEXEC | files.NONBLOCK)
        except OSError:
            continue
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                return parse(files.read_all(fd, LARGEST_JOURNAL))
        except OSError:
            continue
        finally:
            os.close(fd)
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
            problems.append(os_reason(error))
    if problems and _stands(near):  # Never passed over: it may hold an answer.
        raise _unusable(near, problems[0])
    if elsewhere:
        try:
            files.make_directory(os.path.dirname(elsewhere))
            return _acquire_at(elsewhere, config, wait, warn)
        except OSError as error:
            problems.append(f"in the state directory: {os_reason(error)}")
    raise SaveError(
        f"no journal can be written beside the config ({'; '.join(problems)})",
        hint="Nothing was sent to Trakt. Let this user write to the folder, "
             "or set TRAKT_CONFIG_STATE_DIR to a folder that lasts.")


def _stands(path: str) -> bool:
    """Whether there is something, as far as can be told."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError:
        pass
    return True


def parse(data: bytes) -> Unfinished | None:
    """What the bytes of a journal say; None where not even the note is whole."""
    line, _, rest = data.partition(b"\n")
    version = line[len(MAGIC):]
    if not line.startswith(MAGIC) or not version.isdigit():
        return None
    if int(version[:9]) > VERSION:
        return Unfinished(newer=True)
    records, size = _records(rest)
    if b"note" not in records:
        return None
    answer, answered_at = records.get(b"answer", (None, 0.0))
    return Unfinished(note=records[b"note"][0], answer=answer, answered_at=answered_at,
                    before=records.get(b"before", (None, 0.0))[0],
                    content=records.get(b"content", (None, 0.0))[0],
                    size=len(line) + 1 + size)


def _records(data: bytes) -> tuple[dict[bytes, tuple[bytes, float]], int]:
    """Payload and time of the last whole record of each kind, and where all of them end."""
    records: dict[bytes, tuple[bytes, float]] = {}
    start = 0
    while True:
        end = data.find(b"\n", start)
        words = data[start:max(end, start)].split(b" ")
        if len(words) != 4 or not words[1].isdigit() or not words[2].isdigit():
            return records, start
        kind, at, length, digest = words[0], float(words[1][:15]), int(words[2][:9]), words[3]
        payload = data[end + 1:end + 1 + length]
        if _digest(payload) != digest:
            return records, start
        if kind == b"before":  # Another try: what the one before it wrote is not this one's.
            records.pop(b"content", None)
        records[kind] = (payload, at)
        start = end + 1 + length + 1  # Its line break counts, even where it was not written.


def _record(kind: bytes, payload: bytes, at: float) -> bytes:
    return b"%s %.0f %d %s\n%s\n" % (kind, at, len(payload), _digest(payload), payload)


def _digest(payload: bytes) -> bytes:
    return hashlib.sha256(payload).hexdigest().encode("ascii")


def _allocate(fd: int, size: int) -> None:
    """Take `size` bytes of the disk now."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, 0, size)
            return
        except OSError as error:
            if error.errno not in files.NOT_SUPPORTED:
                raise
    files.write_all(fd, bytes(size))
    os.lseek(fd, 0, os.SEEK_SET)


def _acquire_at(path: str, config: str, wait: Callable[[], None],
                warn: Callable[[str], None]) -> Journal:
    while True:
        # A file object is closed, and so unlocked, at the latest when it is forgotten: an exception
        # of the host, such as Ctrl-C, may come between any two steps.
        file = io.FileIO(_open(path, config), "r+")
        try:
            locks.lock(file.fileno(), wait, warn)
            if files.same_file(file.fileno(), path):
                return Journal(path, file)
        except BaseException:
            _let_go(file)
            raise
        # Whoever held it has finished and unlinked it.
        _let_go(file)
        wait()


def _let_go(file: io.FileIO) -> None:
    try:
        locks.unlock(file.fileno())
    finally:
        file.close()


def _open(path: str, config: str) -> int:
    """Open or make the journal, and refuse one that somebody else may have planted."""
    owner: os.stat_result | None = None
    try:
        owner = os.stat(config)
    except FileNotFoundError:
        pass
    if owner is None:
        raise ConfigError("the config does not exist any more",
                          hint="Check the path of the config.")
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | files.NOFOLLOW | files.CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.ELOOP and not os.path.lexists(path):
            raise
        problem = os_reason(error)
    else:
        try:
            problem = _make_ours(fd, owner)
        except BaseException:
            os.close(fd)
            raise
        if not problem:
            return fd
        os.close(fd)
    raise _unusable(path, problem)


def _unusable(path: str, problem: str) -> SaveError:
    return SaveError(f"the journal {printable(path)} cannot be used: {problem}",
                     hint="Nothing was sent to Trakt. Run as the user who owns the config; "
                          "if no such run left that file, remove it.")


def _make_ours(fd: int, config: os.stat_result) -> str:
    """Give the journal the config's owner and mode 0600; say what is wrong with it, if anything."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        return "it is a link or not a regular file"
    if not hasattr(os, "geteuid"):
        return ""
    if status.st_uid not in (config.st_uid, os.geteuid()):
        return "it belongs to another user"
    try:
        if os.geteuid() == 0 and status.st_uid != config.st_uid:
            if status.st_size:  # Not just made: the folder's owner may have renamed it here.
                return "it belongs to another user"
            os.fchown(fd, config.st_uid, config.st_gid)
        if stat.S_IMODE(status.st_mode) != 0o600:
            os.fchmod(fd, 0o600)
    except OSError as error:
        if error.errno not in files.NOT_SUPPORTED:
            raise
    return ""
