"""Whether an edit changes what it should and nothing else; if not, it is refused.

The whole proof parses the new text and compares: a digest of everything outside `trakt`, the
mappings' styles, tags and anchors, every key and every value that was not edited; and the edited
values say what they should. It costs a parse of the file.

The local proof compares the `trakt` entry alone, from its key to the next key of the root, or to
the end. It is taken where a full parse has shown that the root is a block mapping at column 0,
`trakt` a plain key of it and the next key a plain or quoted one, both at the beginning of a line
(:attr:`.layout.Layout.stands_alone`). Why it is enough:

1. The text before the entry is the same, and so is the key ``trakt:`` that the scanner sees
   behind it: where the entry begins, the scanner is in the same state as before the edit. That
   state is the one at the first key of a file: block context, one mapping at column 0 open, no
   key pending. What else a state could hold is excluded: directives (a version, tag handles),
   anchors and aliases, and characters that count in some columns and lines only (a byte order
   mark, NEL, LS, PS).
2. So the entry by itself, with a made-up key of the root behind it, is read as it is in the file.
   The comparison shows that the made-up key is still a key of the root, with its value, and that
   nothing else is beside `trakt`: behind the entry, too, the scanner is in the state in which it
   was before the edit. A quote, a bracket, a block scalar, a comment, an explicit key, a tag or
   an anchor that reached out of the entry would have changed the made-up key or swallowed it.
3. The text from there on is the same, and read from the same state it means the same. No key of
   the root at column 0 is part of anything that stands above it, so that it makes no difference
   whether the made-up key or the real one follows. Where none follows, nothing is made up: the
   entry reaches to the end of the text.

The proof is made with the loader that could read the file. What ruamel.yaml's round-trip loader,
so Kometa, could read before it can read afterwards, or the edit is refused as well.
"""
from __future__ import annotations

from collections.abc import Iterator

from ruamel.yaml.events import NodeEvent

from trakt_config.document.comparison import END_WITH_NEWLINE, OUTSIDE, Objection, compare
from trakt_config.document.document import Document, document_of
from trakt_config.document.events import HOST_LOADER, Unreadable, events, identity, is_empty
from trakt_config.document.keys import Path
from trakt_config.document.layout import Block, Entry, Layout
from trakt_config.document.lines import position
from trakt_config.document.parser import read_layout
from trakt_config.document.splices import Splice, overlapping, spliced
from trakt_config.errors import LARGEST_CONFIG, ConfigError
from trakt_config.startup import Record, hidden, replace

#: Stands for the rest of the file behind the `trakt` entry.
_MADE_UP = "z: 0\n"

_HOST_OBJECTION = Objection("Kometa could not read the file afterwards",
                            "Write each value on the line of its key.")


class Change(Record):
    """The document before, the splices, and what the values at these paths are to say then."""

    before: Document
    splices: list[Splice] = hidden()
    written: dict[Path, str | None] = hidden()


def proved(change: Change) -> Document:
    """The document after the change.

    :raises ConfigError: it would do something else, or more.
    """
    if not change.splices:
        return change.before
    result = local_proof(change) or whole_proof(change)
    if isinstance(result, Document):
        return result
    before = change.before
    what = "the trakt block cannot be edited" if before.has_trakt \
        else "a trakt block cannot be added"
    raise ConfigError(f"{what}: {result.message}", hint=result.hint,
                      line=result.line or before.trakt_line,
                      column=result.column if result.line else before.trakt_column)


# -- the whole file ------------------------------------------------------------------------------

def whole_proof(change: Change) -> Document | Objection:
    """Read the whole new text, and compare."""
    before = change.before
    if overlapping(change.splices):
        return Objection("two of its values stand in one place")
    try:
        data = spliced(before._text, change.splices).encode("utf-8")
        if len(data) > LARGEST_CONFIG:
            return Objection("the file would become larger than 2 MiB", "Make the file smaller.")
        text = data.decode("utf-8")
        edited = document_of(data, text, read_layout(text, before._layout.loader))
    except (ConfigError, UnicodeEncodeError):
        return _unreadable(change)
    found = compare(before._layout, edited._layout, change.written)
    if found is None and not _host_reads(edited._text) and _host_reads(before._text):
        found = _HOST_OBJECTION
    if found is None:
        return edited
    return _with_line(change, edited, found)


def _host_reads(text: str) -> bool:
    try:
        for _ in events(text, HOST_LOADER):
            pass
    except Unreadable:
        return False
    return True


def _unreadable(change: Change) -> Objection:
    """The new text is no YAML; where the edit begins is as good a place as any."""
    first = min(start for start, _, _ in change.splices)
    line, column = position(change.before._text, first)
    return Objection("the file could not be read afterwards", line=line, column=column)


def _outside(document: Document) -> Iterator[tuple[int, bytes]]:
    """Line and identity of every node outside of `trakt`."""
    entry, is_inside = document._layout.entry, False
    for event in events(document._text, document._layout.loader):
        mark = event.start_mark
        if not is_empty(event):  # What takes no room is marked further down, at what follows it.
            is_inside = entry is not None and entry.key_start <= mark.index < entry.end
        if isinstance(event, NodeEvent) and not is_inside:
            yield mark.line + 1, identity(event)


def _with_line(change: Change, edited: Document, found: Objection) -> Objection:
    """Where something outside of `trakt` changes first; read again for that, side by side."""
    if found is not OUTSIDE:
        return found
    line = change.before.trakt_line or 1
    for old, new in zip(_outside(change.before), _outside(edited)):
        line = old[0]
        if old[1] != new[1]:
            break
    text = change.before._text
    at_end = any(end == len(text) for _, end, _ in change.splices) \
        and not text.endswith(("\n", "\r"))
    return replace(found, message=f"line {line}, outside of it, would change", line=line, column=1,
                   hint=END_WITH_NEWLINE if at_end else found.hint)


# -- the entry alone -----------------------------------------------------------------------------

def local_proof(change: Change) -> Document | Objection | None:
    """Read the `trakt` entry alone, and compare; None where that would not be enough."""
    before = change.before
    layout, text, entry = before._layout, before._text, before._layout.entry
    if not layout.stands_alone or entry is None or entry.colon is None:
        return None
    start, end = entry.key_start, len(text) if layout.following is None else layout.following
    if overlapping(change.splices) or any(
            first <= entry.colon or last > end for first, last, _ in change.splices):
        return None
    rest = "" if layout.following is None else _MADE_UP
    old = text[start:end]
    new = spliced(old, [(first - start, last - start, piece)
                        for first, last, piece in change.splices])
    compared = _compared(old + rest, new + rest, change)
    if not isinstance(compared, Layout):
        return compared
    edited = text[:start] + new + text[end:]
    data = edited.encode("utf-8")
    if len(data) > LARGEST_CONFIG:
        return None
    return document_of(data, edited, _joined(layout, compared, start, entry.key_line - 1,
                                             len(new) - len(old)))


def _compared(old: str, new: str, change: Change) -> Layout | Objection | None:
    """The layout of the new entry, if it is the old one but for what was to be written."""
    layout = change.before._layout
    try:
        new.encode("utf-8")
        ours, theirs = (read_layout(text, layout.loader) for text in (old, new))
    except (ConfigError, UnicodeEncodeError):
        return None
    if not (ours.stands_alone and theirs.stands_alone) or not _is_same(ours.entry, layout.entry):
        return None
    if (ours.following is None) != (theirs.following is None):
        return None
    if not _host_reads(new) and _host_reads(old):
        return _HOST_OBJECTION
    if compare(ours, theirs, change.written) is not None:
        return None  # The whole proof says it with the right line.
    return theirs


def _is_same(entry: Entry | None, other: Entry | None) -> bool:
    return entry is not None and other is not None and entry.digest == other.digest


def _joined(layout: Layout, entry: Layout, start: int, lines: int, longer: int) -> Layout:
    """The layout of the file with the entry that was read alone in its place."""
    assert layout.root is not None and entry.root is not None
    block = _moved(entry.root, start, lines)
    last_end = block.last_end
    if layout.following is not None and layout.root.last_end is not None:
        last_end = layout.root.last_end + longer
    following = None if layout.following is None else layout.following + longer
    begin = layout.root.start + (longer if layout.root.start > start else 0)
    return replace(layout, following=following, root=replace(
        layout.root, start=begin, entries=block.entries, last_end=last_end))


def _moved(block: Block, offset: int, lines: int) -> Block:
    return replace(
        block, start=block.start + offset,
        last_end=None if block.last_end is None else block.last_end + offset,
        entries=tuple(_moved_entry(entry, offset, lines) for entry in block.entries))


def _moved_entry(entry: Entry, offset: int, lines: int) -> Entry:
    return replace(
        entry, key_start=entry.key_start + offset, key_end=entry.key_end + offset,
        colon=None if entry.colon is None else entry.colon + offset,
        start=entry.start + offset, end=entry.end + offset, key_line=entry.key_line + lines,
        value_line=entry.value_line + lines,
        block=None if entry.block is None else _moved(entry.block, offset, lines))
