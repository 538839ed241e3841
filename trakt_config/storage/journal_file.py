"""What is done with a journal that is open and locked. It knows by itself whether it has to stay.

What is in it: :mod:`trakt_config.storage.records`. How it is come by:
:mod:`trakt_config.storage.journal`.
"""
from __future__ import annotations

import io
import os

from trakt_config.errors import pass_on_hosts, suppress_systems
from trakt_config.storage import files, folders, locks, records
from trakt_config.storage.records import LARGEST_JOURNAL, MOST_BEFORE_A_NOTE, JournalContent


class Journal:
    """An open and locked journal.

    :ivar path: where it stands.
    :ivar is_needed: whether it stays for the next run, an overwrite in place apart.
    """

    def __init__(self, path: str, file: io.FileIO) -> None:
        self.path = path
        self._file = file
        self._fd = file.fileno()
        # What a killed run left stays, should this one end before it has looked at it.
        self.is_needed = os.fstat(self._fd).st_size > 0
        self._is_overwriting = False
        self._kept_size: int | None = None

    @property
    def is_pending(self) -> bool:
        """Whether the next run has to know what it says."""
        return self.is_needed or self._is_overwriting

    @property
    def is_overwriting(self) -> bool:
        """Whether an overwrite in place was begun, and has not ended."""
        return self._is_overwriting

    def unfinished(self) -> JournalContent | None:
        """What an earlier run left here; None where it is empty. Else it is needed from now on.

        :raises OSError: it cannot be read.
        """
        self.is_needed = True
        os.lseek(self._fd, 0, os.SEEK_SET)
        found = records.parse(files.read_all(self._fd, LARGEST_JOURNAL))
        os.lseek(self._fd, found.size if found else 0, os.SEEK_SET)
        self._kept_size = found.kept_size if found and found.before is not None else None
        self.is_needed = found is not None
        return found

    def begin(self, note: bytes, room: int) -> None:
        """Write `note`, and reserve `room` bytes for what will follow; all synced.

        It takes back all that the journal says. A note that still matters stays before it, and is
        believed until this one is durable.

        :raises OSError: there is no room, or the disk fails. What still matters is there.
        """
        start = self._end_of_what_matters()
        text = records.note(note) if start else records.head(note)
        try:
            os.ftruncate(self._fd, start)  # What was reserved for an earlier note, or is torn.
            _allocate(self._fd, start, len(text) + room)
            files.write_all(self._fd, text)
            os.fsync(self._fd)
        except BaseException:
            with suppress_systems(OSError):  # The next run knows what is torn.
                os.lseek(self._fd, start, os.SEEK_SET)
                os.ftruncate(self._fd, start)
            raise
        self._kept_size = None
        folders.sync_folder_of(self.path)

    def _end_of_what_matters(self) -> int:
        """Where the next note is written, and what follows is."""
        found = self.unfinished() if self.is_pending else None
        start = found.note_size if found and found.note_size <= MOST_BEFORE_A_NOTE else 0
        os.lseek(self._fd, start, os.SEEK_SET)
        return start

    def record_answer(self, answer: bytes, at: float) -> None:
        """Keep what Trakt answered. The journal is needed from here on, whatever fails.

        :raises OSError: it is not durable.
        """
        self.is_needed = True
        self.append(b"answer", answer, at)
        self._kept_size = None  # It may stand behind an overwrite, and is not cut off with it.

    def record_half(self, digest: bytes) -> None:
        """Keep what an overwrite has left of a refresh token: from its two contents that could not
        be told any more once those of the next one have taken their place.

        :raises OSError: it is not durable.
        """
        self.append(b"half", digest)
        self._kept_size = None

    def record_overwrite(self, before: bytes, content: bytes) -> None:
        """Keep both contents of an overwrite, and those of no earlier one.

        :raises OSError: they are not durable.
        """
        if self._kept_size is not None:
            self._cut(self._kept_size)
        self._kept_size = os.lseek(self._fd, 0, os.SEEK_CUR)
        self.append(b"before", before)
        self._is_overwriting = True
        self.append(b"content", content)

    def end_overwrite(self) -> None:
        """The config has the new content, durably."""
        self._is_overwriting = False

    def drop_overwrite(self) -> None:
        """Nothing was overwritten, so nothing is to be finished."""
        self._is_overwriting = False
        with suppress_systems(OSError):  # The next overwrite tries again; nothing looks torn.
            self._cut(self._kept_size or 0)
            self._kept_size = None

    def append(self, kind: bytes, payload: bytes, at: float = 0) -> None:
        """Add a record and sync it.

        :raises OSError: it is not durable.
        """
        start = os.lseek(self._fd, 0, os.SEEK_CUR)
        try:
            files.write_all(self._fd, records.record(kind, payload, at))
        except BaseException:
            os.lseek(self._fd, start, os.SEEK_SET)  # Behind a torn record none would be found.
            raise
        os.fsync(self._fd)

    def _cut(self, size: int) -> None:
        os.ftruncate(self._fd, size)
        os.lseek(self._fd, size, os.SEEK_SET)
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
                self._remove()
        finally:
            let_go(self._file)
        if remove and os.name == "nt":  # Where an open file cannot be unlinked.
            os.unlink(self.path)

    def _remove(self) -> None:
        if not files.same_file(self._fd, self.path):
            return
        try:
            files.remove(self.path)
        except PermissionError as error:
            pass_on_hosts(error)
            os.ftruncate(self._fd, 0)  # An empty journal says nothing.
            if os.fstat(self._fd).st_uid == os.geteuid():
                raise
            return  # In a sticky folder only its owner can remove it.
        folders.sync_folder_of(self.path)


def let_go(file: io.FileIO) -> None:
    """Unlock and close it."""
    try:
        locks.unlock(file.fileno())
    finally:
        file.close()


def _allocate(fd: int, start: int, size: int) -> None:
    """Take `size` bytes of the disk now, from `start`, where `fd` stands."""
    if hasattr(os, "posix_fallocate"):
        with files.forgiven():
            os.posix_fallocate(fd, start, size)
            return
    files.write_all(fd, bytes(size))
    os.lseek(fd, start, os.SEEK_SET)
