"""Write over the bytes of a file, so that an overwrite that was cut short is always finished.

Both contents are durable in the journal before the first byte of the file changes. What such an
overwrite can leave is known exactly (:func:`is_torn`), and only that is written again: everything
else was made by a person, and is theirs.
"""
from __future__ import annotations

import os

from trakt_config.errors import came_by_signal
from trakt_config.storage import files
from trakt_config.storage.journal_file import Journal
from trakt_config.storage.records import JournalContent

_ATTEMPTS = 2
#: What a disk writes wholly or not at all, as the power fails.
_SECTOR = 512


class Changed(Exception):
    """Somebody else changed the file in the meantime: the one that has its name is not written."""


def overwrite(path: str, expected: bytes, new: bytes, journal: Journal) -> None:
    """Write `new` over the file's content, once the journal has both.

    :raises Changed: the content is not `expected`, or another file has taken its name; the journal
        does not hold the two any more.
    :raises OSError: it could not be written; the journal has both.
    """
    try:
        # What is compared is what is written, whoever may swap names meanwhile.
        with files.opened(path, os.O_RDWR) as fd:
            journal.record_overwrite(expected, new)
            if files.read_all(fd, len(expected) + 1) == expected and files.same_file(fd, path):
                _write_over(fd, len(expected), new)
                # An editor that saves by rename has given the name to another file by now, perhaps.
                if files.same_file(fd, path):
                    journal.end_overwrite()
                    return
            journal.drop_overwrite()
            raise Changed
    except files.NotRegular:
        raise Changed from None


def finish_overwrite(path: str, left: JournalContent) -> None:
    """Finish an overwrite that was cut short. A file that was edited since is left as it is.

    :raises OSError: it could not be written.
    """
    if left.before is None or left.content is None:
        return
    with files.opened(path, os.O_RDWR) as fd:
        current = files.read_all(fd, max(len(left.before), len(left.content)) + 1)
        if current != left.content and is_torn(current, left.before, left.content):
            _write_tail(fd, len(left.before), left.content)
            _write_head(fd, len(left.before), left.content)


def is_torn(current: bytes, before: bytes, content: bytes) -> bool:
    """Whether an overwrite of `before` with `content` that was cut short can have left this.

    What is longer than before is written and synced first, then the bytes that were there, and
    what is shorter is cut off at the very end, synced as well. So these are the states, where
    "partly" means that each sector is new, or old, or new up to a byte and old from there:

    * all of the old bytes, and behind them what was written of the longer part, in which a power
      cut may have left zeros;
    * the old bytes partly new, and all of the longer part, or all of what will be cut off.
    """
    common = min(len(before), len(content))
    if current.startswith(before) and len(current) <= len(content):
        written = content[len(before):len(current)]
        return _is_partly(current[len(before):], written, bytes(len(written)), len(before))
    rest = max(before[common:], content[common:], key=len)
    return current[common:] == rest and _is_partly(current[:common], content[:common],
                                                   before[:common], 0)


def is_half_new(value: bytes, current: bytes, new: bytes, before: bytes, content: bytes) -> bool:
    """Whether an overwrite of `before` with `content` that was cut short in the line of `new` can
    have left `value` there: the start of the new line, and from there on what was old.

    Where somebody has edited the file since, :func:`is_torn` does not know it, and this does.
    """
    if value not in current or new not in content:
        return False
    start, _ = _line_with(new, content)
    first, last = _line_with(value, current)
    line = current[first:last]
    for size in range(len(line) + 1):
        middle = start + size
        if line[:size] != content[start:middle]:
            return False
        if line[size:] == before[middle:_end_of_line(before, middle)]:
            return True
    return False


def _line_with(value: bytes, data: bytes) -> tuple[int, int]:
    """Where the line begins and ends in which the value stands first."""
    at = data.index(value)
    return data.rfind(b"\n", 0, at) + 1, _end_of_line(data, at)


def _end_of_line(data: bytes, at: int) -> int:
    end = data.find(b"\n", at)
    return len(data) if end < 0 else end


def _is_partly(current: bytes, new: bytes, old: bytes, offset: int) -> bool:
    """Whether each sector is new up to some byte, and old from there. `offset`: in the file."""
    if not len(current) == len(new) == len(old):
        return False
    start = 0
    while start < len(current):
        end = start + _SECTOR - (offset + start) % _SECTOR
        same = len(os.path.commonprefix([current[start:end], new[start:end]]))
        if current[start + same:end] != old[start + same:end]:
            return False
        start = end
    return True


def _write_over(fd: int, length: int, new: bytes) -> None:
    """Overwrite `length` bytes; where that fails, try once more."""
    tail_is_written = False
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _write_tail(fd, length, new)
            tail_is_written = True
            _write_head(fd, length, new)
            return
        except OSError as error:
            if not tail_is_written:
                os.ftruncate(fd, length)
            if attempt == _ATTEMPTS or came_by_signal(error):
                raise


def _write_tail(fd: int, length: int, new: bytes) -> None:
    """What is longer goes first: it alone can find the disk full."""
    os.lseek(fd, length, os.SEEK_SET)
    files.write_all(fd, new[length:])
    os.fsync(fd)


def _write_head(fd: int, length: int, new: bytes) -> None:
    os.lseek(fd, 0, os.SEEK_SET)
    files.write_all(fd, new[:length])
    if len(new) < length:
        os.fsync(fd)  # A file that is as short as the new bytes has nothing but those.
    os.ftruncate(fd, len(new))
    os.fsync(fd)
