"""The comparison of a config before and after an edit: what differs but should not."""
from __future__ import annotations

from collections.abc import Mapping, Set

from trakt_config.document import quoting
from trakt_config.document.keys import AUTHORIZATION, KNOWN_KEYS, ROOT, TRAKT, Path, dotted
from trakt_config.document.layout import Entry, Layout
from trakt_config.document.splices import BARE
from trakt_config.startup import Record

#: What stands at the end of a text without a line break, and is followed by something then.
END_WITH_NEWLINE = ("End the file with a newline: the block text would take in what is written "
                    "below it.")

_ONE_KEY_A_LINE = "Write trakt and authorization with one `key: value` on each line."


class Objection(Record):
    """What else would change, and where in the old text; never what it says."""

    message: str
    hint: str = _ONE_KEY_A_LINE
    line: int | None = None
    column: int | None = None


OUTSIDE = Objection("something outside of it would change")


def compare(before: Layout, after: Layout,
            written: Mapping[Path, str | None]) -> Objection | None:
    """What differs but should not, or None."""
    old, new = _entries(before), _entries(after)
    known = {path for path, _ in old}
    added = {path for path, _ in new} - known
    if before.digest != after.digest:
        return OUTSIDE
    if not _same_blocks(before, after):
        return Objection("the mapping itself would change")
    if not added <= {*written, TRAKT, AUTHORIZATION}:
        return Objection("a key would be added to it")
    return _changed(old, new, written, known) or _unwritten(new, written)


def _entries(found: Layout) -> list[tuple[Path, Entry]]:
    blocks = ((ROOT, found.root), (TRAKT, found.trakt), (AUTHORIZATION, found.authorization))
    return [(path + (entry.key,), entry)
            for path, block in blocks if block is not None for entry in block.entries]


def _same_blocks(before: Layout, after: Layout) -> bool:
    """Mappings that were there have kept their style, tags and anchors."""
    pairs = ((before.root, after.root), (before.trakt, after.trakt),
             (before.authorization, after.authorization))
    return all(old is None or (new is not None and old.digest == new.digest)
               for old, new in pairs)


def _changed(old: list[tuple[Path, Entry]], new: list[tuple[Path, Entry]],
             written: Mapping[Path, str | None], known: Set[Path]) -> Objection | None:
    """Keys keep their order, and the values that were not edited what they say."""
    edited = {*written, TRAKT, AUTHORIZATION}
    kept = [(path, entry) for path, entry in new if path in known]
    for (path, entry), (_, other) in zip(old, kept):
        if entry.key_digest != other.key_digest or (
                path not in edited and entry.digest != other.digest):
            hint = END_WITH_NEWLINE if entry.style in ("|", ">") else _ONE_KEY_A_LINE
            return Objection(f"{_name(path)} would change", hint, entry.key_line, entry.key_column)
    return None if len(old) == len(kept) else Objection("one of its keys would be lost")


def _name(path: Path) -> str:
    """A path without what a person typed: in `pin:1234` the whole is a key."""
    return dotted(path) if path[-1] in KNOWN_KEYS else "another key of it"


def _unwritten(new: list[tuple[Path, Entry]],
               written: Mapping[Path, str | None]) -> Objection | None:
    for path, value in written.items():
        if not _is_written(new, path, value):
            return Objection(f"{dotted(path)} would not say what was written there")
    return None


def _is_written(entries: list[tuple[Path, Entry]], path: Path, value: str | None) -> bool:
    found = [entry for where, entry in entries if where == path]
    if len(found) != 1 or not found[0].scalar:
        return False
    entry = found[0]
    if value is None:
        return entry.blank and entry.style is None
    if entry.value != value or entry.event.ctag is not None or entry.event.anchor is not None:
        return False
    return entry.style is not None or (
        quoting.is_bare(value) if path[-1] in BARE
        else quoting.is_plain_string(value, flow=False))
