"""The format of a journal: what a run writes down, and what the next one can believe of it.

Each record has a length and a checksum, so that a torn write is recognised:

    trakt_config journal 1
    note ...      what is about to be spent (written, with room for the rest, before the request)
    answer ...    the raw answer of the token endpoint (before a character of it is parsed)
    before ...    what an overwrite in place replaces,
    content ...   and what it writes
    half ...      a digest of what an overwrite that was cut short has left of a refresh token

The last record of a kind counts. A ``note`` takes back all that stands before it: another one is
added, to the last, where that still matters until this one is durable. A ``before`` takes back the
``content`` of an earlier try: the two are believed only as a pair.

What stands behind the last note goes before another one is added. An answer there is of no use: one
that is of use is in the config, or is an error, by then.
"""
from __future__ import annotations

import hashlib
import time

from trakt_config.errors import LARGEST_CONFIG
from trakt_config.startup import Record, hidden

MAGIC = b"trakt_config journal "
VERSION = 1
#: Before the first release configs could be four times as large, and two of them were left in a
#: journal.
LARGEST_JOURNAL = 16 * LARGEST_CONFIG
#: Where more notes stand before one, the journal is begun anew. A note has some 400 bytes: that
#: takes thousands of runs with nothing known of the first one.
MOST_BEFORE_A_NOTE = LARGEST_JOURNAL // 2

#: No time of a record has more digits.
_LATEST = 10.0 ** 14


class JournalContent(Record):
    """What a run left that was killed, or ended in doubt.

    ``newer`` says that a newer version of this package wrote it.
    """

    note: bytes | None = hidden(default=None)
    answer: bytes | None = hidden(default=None)
    answered_at: float = 0
    before: bytes | None = hidden(default=None)
    content: bytes | None = hidden(default=None)
    half: bytes | None = None
    newer: bool = False
    size: int = 0  #: how many bytes of the journal all of that takes
    kept_size: int = 0  #: how many of them come before the overwrite at its end
    note_size: int = 0  #: how many of them the notes take, and the head


def head(first_note: bytes) -> bytes:
    """The first line of a journal, and its note."""
    return MAGIC + b"%d\n" % VERSION + note(first_note)


def note(payload: bytes) -> bytes:
    """The record of what is about to be spent."""
    return record(b"note", payload, time.time())


def record(kind: bytes, payload: bytes, at: float) -> bytes:
    """One record, as it stands in a journal."""
    at = at if 0 <= at < _LATEST else 0  # Some clocks start years before 1970, or are no numbers.
    return b"%s %.0f %d %s\n%s\n" % (kind, at, len(payload), _digest(payload), payload)


def parse(data: bytes) -> JournalContent | None:
    """What the bytes of a journal say; None where not even the note is whole."""
    line, _, rest = data.partition(b"\n")
    version = line[len(MAGIC):]
    if not line.startswith(MAGIC) or not version.isdigit():
        return None
    if int(version[:9]) > VERSION:
        return JournalContent(newer=True)
    records, note_size, kept_size, size = _records(rest)
    if b"note" not in records:
        return None
    answer, answered_at = records.get(b"answer", (None, 0.0))
    first = len(line) + 1
    return JournalContent(note=records[b"note"][0], answer=answer, answered_at=answered_at,
                      before=records.get(b"before", (None, 0.0))[0],
                      content=records.get(b"content", (None, 0.0))[0],
                      half=records.get(b"half", (None, 0.0))[0],
                      size=first + size, kept_size=first + kept_size,
                      note_size=first + note_size)


def _records(data: bytes) -> tuple[dict[bytes, tuple[bytes, float]], int, int, int]:
    """Payload and time of the last whole record of each kind; where the last note ends, and the
    last one before an overwrite at the end; and where all of them do.
    """
    records: dict[bytes, tuple[bytes, float]] = {}
    start = noted = kept = 0
    while True:
        end = data.find(b"\n", start)
        words = data[start:max(end, start)].split(b" ")
        if len(words) != 4 or not words[1].isdigit() or not words[2].isdigit():
            return records, noted, kept, start
        kind, at, length, digest = words[0], float(words[1][:15]), int(words[2][:9]), words[3]
        payload = data[end + 1:end + 1 + length]
        if _digest(payload) != digest:
            return records, noted, kept, start
        if kind == b"note":
            records.clear()
        elif kind == b"before":
            records.pop(b"content", None)
        records[kind] = (payload, at)
        start = end + 1 + length + 1  # Its line break counts, even where it was not written.
        kept = kept if kind in (b"before", b"content") else start
        noted = start if kind == b"note" else noted


def _digest(payload: bytes) -> bytes:
    return hashlib.sha256(payload).hexdigest().encode("ascii")
