"""One pass over the events of a config: its outline, or the reason why it is refused.

What the marks of ruamel.yaml cannot be trusted with (the place of an empty value, the end of a
block) is found in the text. Nothing recurses, and of everything outside `trakt` only a digest is
kept.
"""
from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from trakt_config.document.events import (
    BLOCK_HEADER,
    HOST_LOADER,
    QUICK_LOADER,
    Unreadable,
    events,
    is_blank,
    is_empty,
    refuse,
)
from trakt_config.document.layout import (
    AUTHORIZATION,
    PIN,
    ROOT,
    TRAKT,
    Block,
    Entry,
    Outline,
    Path,
    Stray,
    dotted,
    skip_gap,
    without_case,
)
from trakt_config.document.lines import NEWLINE
from trakt_config.document.mistakes import not_a_mapping
from trakt_config.errors import ConfigError
from trakt_config.tokens import AUTHORIZATION_KEYS

#: Deeper nesting is refused: readers that recurse would fail on it.
MAX_DEPTH = 100

#: More events than a config of 2 MiB has: several for each byte can be made up, to waste time.
MAX_EVENTS = 400_000

#: More keys in `trakt` or `authorization` are no config: they are all kept.
MAX_KEYS = 1000

#: Misspellings of `trakt`, as :func:`.layout.without_case` leaves them.
_LIKE_TRAKT = frozenset({"trakt", "trackt", "track", "tract", "trak", "trakk", "trkat", "trakttv"})

#: A larger `trakt` is no config; an edit reads it several times.
MAX_TRAKT = 256 * 1024

#: So many are reported at most.
_MAX_STRAYS = 10

#: So many digested events are kept at most.
_BATCH = 500

#: The mappings whose entries are kept, with the keys that may be there only once.
_KEYS = {
    ROOT: frozenset({"trakt"}),
    TRAKT: frozenset({"client_id", "client_secret", "redirect_uri", "pin", "force_refresh",
                      "authorization"}),
    AUTHORIZATION: frozenset(AUTHORIZATION_KEYS),
}

KNOWN_KEYS = frozenset().union(*_KEYS.values())

#: What counts in some lines and columns only, for some readers.
_ODD_CHARACTERS = ("\ufeff", "\x85", "\u2028", "\u2029")

#: What we write: an alias elsewhere to any of it would change with it.
_WRITTEN = frozenset({PIN, *(AUTHORIZATION + (key,) for key in AUTHORIZATION_KEYS)})

_LAST_NEWLINE = re.compile(r"(?:\r\n|\n|\r)\Z")


def read_outline(text: str, loader: str | None = None) -> Outline:
    """The outline of `text`.

    :param loader: the one to read with; None takes the first that can.
    :raises ConfigError: with line and column; see :func:`trakt_config.document.parse`.
    """
    refused: ConfigError | None = None
    # The second is Kometa's: it takes a few things that the first does not, `{a: :x}`, some tabs.
    for name in (QUICK_LOADER, HOST_LOADER) if loader is None else (loader,):
        try:
            return _read(text, name)
        except Unreadable as unreadable:
            refused = refused or unreadable.error
    assert refused is not None
    raise refused


def _read(text: str, loader: str) -> Outline:
    reader = _Reader(text, loader)
    for count, event in enumerate(events(text, loader)):
        if count > MAX_EVENTS:
            refuse(f"the file has more than {MAX_EVENTS} keys and values",
                   "Is this the right file?", event)
        reader.take(event)
    return reader.outline()


def outside(text: str, loader: str) -> Iterator[tuple[int, bytes]]:
    """Line and identity of every node outside of `trakt`, of a text that can be read."""
    reader = _Reader(text, loader)
    for event in events(text, loader):
        within = reader.in_trakt()
        reader.take(event)
        if isinstance(event, NodeEvent) and not within and not reader.in_trakt():
            yield event.start_mark.line + 1, _identity(event)


@dataclass
class _Key:
    """A key whose value comes next."""

    event: Any
    end: int
    digest: bytes


@dataclass
class _Open:
    """A collection whose end has not been reached. ``path`` is None where entries are not kept.

    ``written`` says that it is part of a value that we replace, ``inside`` that it is within
    ``trakt``; ``child`` takes the digest of what is being read now.
    """

    event: Any
    path: Path | None
    inside: bool
    written: bool
    digest: hashlib.blake2b
    start: int
    column: int
    child: hashlib.blake2b
    colon: int | None = None
    key: _Key | None = None
    seen: set[str] = field(default_factory=set)  # of the keys that may be there only once
    keys: int = 0
    quoted: bool = False  # whether a key stands in double quotes
    entries: list[Entry] = field(default_factory=list)
    last_end: int | None = None
    ends_outside: bool = False  # then `last_end` has to be found in the text

    @property
    def mapping(self) -> bool:
        return isinstance(self.event, MappingStartEvent)

    @property
    def quoted_key(self) -> bool:
        return self.key is not None and getattr(self.key.event, "style", None) == '"'

    @property
    def at_key(self) -> bool:
        return self.mapping and self.key is None


class _Reader:
    """Takes the events one after the other and keeps the outline."""

    def __init__(self, text: str, loader: str) -> None:
        self.text = text
        self.loader = loader
        self.outside = 0  # how deep within a value of the root that is not `trakt`
        self.batch: list[tuple[Any, ...]] = []  # events of such values, to be digested
        self.solid: Any = None  # the last event of such values that takes room
        self.empties = 0  # how many came behind it that take none
        self.alone = not any(character in text for character in _ODD_CHARACTERS)
        self.following: int | None = None
        self.end = 0  # behind the last character read that is neither blank nor comment
        self.stack: list[_Open] = []
        self.documents = 0
        self.root: Block | None = None
        # An edit that only another loader can read is not the same.
        self.digest = hashlib.blake2b(loader.encode("ascii"), digest_size=16)
        self.document_end: int | None = None
        self.ours: dict[str, tuple[Path, Any] | None] = {}  # what an alias refers to now
        self.strays: list[Stray] = []
        self.lookalikes: list[tuple[Path, str, Any]] = []

    def take(self, event: Any) -> None:
        if self.outside:
            self._skip(event)
        elif isinstance(event, CollectionStartEvent):
            self._open(event)
        elif isinstance(event, CollectionEndEvent):
            self._close(event)
        elif isinstance(event, NodeEvent):
            self._leaf(event)
        elif isinstance(event, (DocumentStartEvent, DocumentEndEvent)):
            self._document_marker(event)

    def outline(self) -> Outline:
        self._refuse_lookalikes()
        self._refuse_large_trakt()
        self._digest_batch()
        return Outline(self.root, self.digest.digest(), self.document_end, self.loader,
                       self._stands_alone(), self.following, tuple(self.strays))

    def _stands_alone(self) -> bool:
        """Whether `trakt` can be read without the rest of the text (see :mod:`.proof`)."""
        root = self.root
        entry = root.entry("trakt") if root else None
        return (self.alone and root is not None and entry is not None
                and not root.flow and root.column == 0 and self.document_end is None
                and entry.column == 1 and entry.colon is not None
                and self.text[entry.key_start:entry.key_end] == "trakt"
                and NEWLINE.search(self.text, entry.key_end, entry.colon) is None)

    # -- what is outside of `trakt` --

    def _skip(self, event: Any) -> None:
        """Digest an event, and nothing more."""
        kind = type(event)
        if kind is ScalarEvent:
            self.batch.append((event.value, event.style, event.implicit, event.anchor,
                               event.ctag and str(event.ctag)))
            if event.value or event.style or event.anchor or event.ctag:
                self.solid, self.empties = event, 0
            else:
                self.empties += 1
            if event.anchor is not None:
                self.ours[event.anchor] = None
        else:
            self._skip_other(event)
        if len(self.batch) > _BATCH:
            self._digest_batch()

    def _skip_other(self, event: Any) -> None:
        self.batch.append((_identity(event),))
        if isinstance(event, CollectionStartEvent):
            if len(self.stack) + self.outside >= MAX_DEPTH:
                refuse(f"nested more than {MAX_DEPTH} levels deep", "Make it flatter.", event)
            self.outside += 1
            if event.anchor is not None:
                self.ours[event.anchor] = None
            return
        if event.end_mark.index > event.start_mark.index:
            self.solid, self.empties = event, 0
        if isinstance(event, AliasEvent):
            self._refuse_alias(None, event)
            return
        self.outside -= 1
        if not self.outside:
            self.stack[-1].key = None
            self.stack[-1].ends_outside = True

    def _digest_batch(self) -> None:
        self.digest.update(repr(self.batch).encode("utf-8", "surrogatepass"))
        self.batch.clear()

    def _end_outside(self) -> int:
        """Where the last value of the root ends that is not `trakt`."""
        end = self._end_of_block_scalar(self.solid) or int(self.solid.end_mark.index)
        for _ in range(self.empties):
            found = skip_gap(self.text, end)
            if self.text[found:found + 1] != ":":
                break
            end = found + 1 + self.text.startswith(" ", found + 1)
        return end

    def _document_marker(self, event: Any) -> None:
        has_directives = getattr(event, "version", None) or getattr(event, "tags", None)
        if event.explicit or has_directives:
            self.digest.update(_identity(event))
        self.alone = self.alone and not has_directives
        if isinstance(event, DocumentEndEvent):
            self.document_end = event.start_mark.index if event.explicit else None
            return
        self.documents += 1
        if self.documents > 1:
            refuse("a second YAML document begins here",
                   "Keep one document in the file: delete the line with the dashes.", event)
        if event.explicit:
            self.end = event.end_mark.index

    def _open(self, event: Any) -> None:
        if len(self.stack) >= MAX_DEPTH:
            refuse(f"nested more than {MAX_DEPTH} levels deep", "Make it flatter.", event)
        if not self.stack and not isinstance(event, MappingStartEvent):
            raise not_a_mapping(self.text, "", event)
        path, digest = self._place(event)
        parent = self.stack[-1] if self.stack else None
        self._refuse_other_kinds(path, event)
        if parent is not None and self._is_outside(parent):
            self.outside, self.solid, self.empties = 1, event, 0
            return
        if event.flow_style:
            self.end = max(self.end, event.end_mark.index)
        self.stack.append(_Open(
            event=event, path=path if path in _KEYS else None,
            inside=path == TRAKT or (parent is not None and parent.inside),
            written=path in _WRITTEN or (parent is not None and parent.written),
            digest=digest, child=digest,
            start=event.end_mark.index, column=event.end_mark.column))

    def _is_outside(self, parent: _Open) -> bool:
        """Whether what begins now is a value of the root that is not `trakt`."""
        return (parent.path == ROOT and parent.key is not None
                and _content(parent.key.event) != "trakt")

    def in_trakt(self) -> bool:
        """Whether the reader is within `trakt`, or between its key and its value."""
        top = self.stack[-1] if self.stack and not self.outside else None
        return top is not None and (top.inside or (
            top.path == ROOT and top.key is not None and _content(top.key.event) == "trakt"))

    def _close(self, event: Any) -> None:
        closed = self.stack.pop()
        # The end of a block is at the next token, and so is that of `[a: b]` without braces.
        if closed.event.flow_style and event.end_mark.index > event.start_mark.index:
            self.end = event.end_mark.index
        if closed.path != ROOT:
            self._add(closed.digest, event)
        if closed.ends_outside:
            closed.last_end = self._end_outside()
        block = None
        if closed.path is not None:
            block = Block(flow=bool(closed.event.flow_style), start=closed.start,
                          column=closed.column, last_end=closed.last_end,
                          json=self._is_json(closed),
                          entries=tuple(closed.entries), digest=_identity(closed.event))
        if self.stack:
            self._finish(closed.event, closed.digest, block)
        else:
            self.root = block

    def _is_json(self, closed: _Open) -> bool:
        """Flow style with a double-quoted key in it, or, when empty, before it."""
        parent = self.stack[-1] if self.stack else None
        quoted = closed.quoted
        if not closed.keys and parent is not None and parent.key is not None:
            quoted = bool(parent.event.flow_style) and parent.quoted_key
        return bool(closed.event.flow_style) and quoted

    def _leaf(self, event: Any) -> None:
        if not self.stack:
            if not isinstance(event, ScalarEvent) or not is_blank(event):
                raise not_a_mapping(self.text, "", event)
            self.digest.update(b"" if is_empty(event) else _identity(event))
            return
        parent = self.stack[-1]
        if parent.key is not None and self._is_outside(parent):
            self.solid, self.empties = parent.key.event, 0
            self._skip(event)
            parent.key, parent.ends_outside = None, True
            return
        path, digest = self._place(event)
        if isinstance(event, AliasEvent):
            self._refuse_alias(path, event)
        self.end = self._end_of_leaf(event)
        self._finish(event, digest, None)

    def _place(self, event: Any) -> tuple[Path | None, hashlib.blake2b]:
        """The path of a node that begins, and the digest that it belongs to."""
        path: Path | None = ROOT
        digest = self.digest
        if self.stack:
            parent = self.stack[-1]
            if not parent.at_key and parent.mapping:
                parent.colon = self._colon(parent)
            path = self._path(parent, event)
            digest = self._digest(parent, event)
        if path != ROOT:
            self._add(digest, event)
        if event.anchor is not None and not isinstance(event, AliasEvent):
            self._define(event, path)
        return path, digest

    def _add(self, digest: hashlib.blake2b, event: Any) -> None:
        if digest is self.digest:
            self.batch.append((_identity(event),))
        else:
            digest.update(_identity(event))

    def _path(self, parent: _Open, event: Any) -> Path | None:
        if parent.path is None or parent.key is None:
            return None
        return parent.path + (_content(parent.key.event),)

    def _digest(self, parent: _Open, event: Any) -> hashlib.blake2b:
        """Entries of `trakt` and `authorization` have digests of their own, keys and values."""
        if parent.path is None:
            return parent.child
        key = event if parent.key is None else parent.key.event
        if parent.path == ROOT and _content(key) != "trakt":
            return self.digest
        parent.child = hashlib.blake2b(digest_size=16)
        return parent.child

    def _define(self, event: Any, path: Path | None) -> None:
        written = bool(self.stack) and self.stack[-1].written
        ours = written or path in (TRAKT, AUTHORIZATION) or path in _WRITTEN
        if path in (ROOT, TRAKT) or self.stack[-1].inside:
            self.alone = False
        self.ours[event.anchor] = (path or TRAKT, event) if ours else None

    def _colon(self, parent: _Open) -> int | None:
        """Where the `:` of the current key stands; its mark is at the next token if at all."""
        assert parent.key is not None
        start = parent.key.end
        found = skip_gap(self.text, start)
        if self.text[found:found + 1] != ":":
            return None
        breaks = [match.end() for match in NEWLINE.finditer(self.text, start, found)]
        if parent.event.flow_style or not breaks or found - breaks[-1] == parent.column:
            return found
        return None

    def _end_of_leaf(self, event: Any) -> int:
        parent = self.stack[-1]
        if not is_empty(event):
            return self._end_of_block_scalar(event) or int(event.end_mark.index)
        if parent.at_key or not parent.mapping:
            # In flow style the mark of an empty key is behind the colon.
            mark = int(event.start_mark.index)
            return mark - (parent.at_key and self.text.startswith(":", mark - 1))
        if parent.colon is None:
            return self.end
        # One blank belongs to the colon: flow style would read `{a:, b: 1}` as a key `a:`.
        return parent.colon + 1 + self.text.startswith(" ", parent.colon + 1)

    def _end_of_block_scalar(self, event: Any) -> int | None:
        """The mark takes in the blank lines behind it; they are content only after `|+`."""
        if getattr(event, "style", None) not in ("|", ">"):
            return None
        start, end = event.start_mark.index, int(event.end_mark.index)
        content = self.text[start:end]
        header = BLOCK_HEADER.search(content)
        if header is not None and "+" in header.group():
            newline = _LAST_NEWLINE.search(content)
            return end - (len(newline.group()) if newline else 0)
        return int(start) + len(content.rstrip(" \r\n"))

    def _finish(self, event: Any, digest: hashlib.blake2b, block: Block | None) -> None:
        """A node has ended: it was a key, or the value that completes an entry, or an item."""
        parent = self.stack[-1]
        if not parent.mapping:
            return
        if parent.key is None:
            of_key = b"" if digest is self.digest else digest.digest()
            parent.key = _Key(event, self.end, of_key)
            self._check_key(parent, event)
            return
        if parent.path is not None and (parent.path != ROOT
                                        or _content(parent.key.event) == "trakt"):
            parent.entries.append(self._entry(parent, parent.key, event, digest, block))
        parent.key = None
        parent.last_end = self.end
        parent.ends_outside = False

    def _entry(self, parent: _Open, key: _Key, event: Any, digest: hashlib.blake2b,
               block: Block | None) -> Entry:
        name = _content(key.event)
        assert parent.path is not None
        path = parent.path + (name,)
        if isinstance(event, ScalarEvent):
            self._refuse_other_kinds(path, event)
        if parent.colon is None and not parent.event.flow_style and path in (TRAKT, AUTHORIZATION):
            refuse(f"{dotted(path)} has no colon", "Write a colon behind the key.", key.event)
        # `!!str &a v` is marked at `&a`: the value begins at the first character of all.
        start = self.end if parent.colon is None or is_empty(event) else skip_gap(
            self.text, parent.colon + 1)
        return Entry(
            key=name, key_style=getattr(key.event, "style", None), key_digest=key.digest,
            key_start=key.event.start_mark.index, key_end=key.end,
            line=key.event.start_mark.line + 1, column=key.event.start_mark.column + 1,
            colon=parent.colon, start=start, end=self.end,
            value_line=event.start_mark.line + 1, value_column=event.start_mark.column + 1,
            event=event, digest=digest.digest(), block=block)

    # -- what is refused --

    def _check_key(self, parent: _Open, event: Any) -> None:
        if parent.path is None:
            return
        name = _content(event)
        self._count(parent, event)
        if parent.path == ROOT and name and name != "trakt":
            self._note_stray(name, event)
        if parent.path == ROOT and parent.entries and self.following is None:
            self._end_of_trakt(event)
        if name in _KEYS[parent.path] and _has_tag(event):
            refuse(f"the tag (!) before the key {name} makes it a key of another kind",
                   "Delete the tag.", event)
        if parent.path != ROOT and name == "<<" and event.style is None:
            refuse(f"a merge key (<<) inside {dotted(TRAKT)}",
                   "Write the merged keys out in the trakt block.", event)
        keys = _KEYS[parent.path]
        if name in keys and name in parent.seen:
            refuse(f"{dotted(parent.path + (name,))} is there twice", "Delete one of the two.",
                   event)
        if name in keys:
            parent.seen.add(name)
        visible = "".join(c for c in name or "" if c.isprintable()).strip(" ")
        if not str(name).isprintable() and any(visible in _KEYS[home] for home in _homes(
                parent.path)):
            self.lookalikes.append((parent.path, visible, event))

    def _count(self, parent: _Open, event: Any) -> None:
        parent.keys += 1
        parent.quoted = parent.quoted or getattr(event, "style", None) == '"'
        if parent.keys > MAX_KEYS and parent.path != ROOT:
            refuse(f"{dotted(parent.path or ())} has more than {MAX_KEYS} keys",
                   "Is this the right file?", event)

    def _note_stray(self, name: str, event: Any) -> None:
        meant = name
        if name not in KNOWN_KEYS:
            if len(name) > 10 or without_case(name) not in _LIKE_TRAKT:
                return
            meant = "trakt"
        if len(self.strays) < _MAX_STRAYS:
            mark = event.start_mark
            self.strays.append(Stray(meant, mark.line + 1, mark.column + 1))

    def _end_of_trakt(self, event: Any) -> None:
        """The first key of the root behind `trakt`."""
        self.following = event.start_mark.index
        is_plain_or_quoted = (isinstance(event, ScalarEvent) and not is_empty(event)
                              and event.style in (None, "'", '"') and event.ctag is None
                              and event.anchor is None and event.start_mark.column == 0)
        self.alone = self.alone and is_plain_or_quoted

    def _refuse_large_trakt(self) -> None:
        entry = self.root.entry("trakt") if self.root else None
        if entry is not None and entry.end - entry.key_start > MAX_TRAKT:
            raise ConfigError("the trakt block is larger than 256 KiB",
                              hint="Is this the right file?", line=entry.line,
                              column=entry.column)

    def _refuse_lookalikes(self) -> None:
        """A key of ours that is missing, while one with an invisible character is there."""
        outline = Outline(self.root, b"", None, self.loader)
        blocks = {ROOT: outline.root, TRAKT: outline.trakt, AUTHORIZATION: outline.authorization}
        for path, name, event in self.lookalikes:
            if all(block is None or block.entry(name) is None for home, block in blocks.items()
                   if home in _homes(path) and name in _KEYS[home]):
                refuse(f"an invisible character is part of the key {name}",
                       "Delete everything before the key and indent it with spaces.", event)

    def _refuse_alias(self, path: Path | None, event: Any) -> None:
        if self.stack[-1].inside or path == TRAKT:
            refuse("an alias (*) inside the trakt block", "Write the value itself there.", event)
        if event.anchor not in self.ours:
            refuse("an alias (*) whose anchor (&) is not in the file", "Write the value itself "
                   "there.", event)
        ours = self.ours.get(event.anchor)
        if ours is not None:
            where, anchored = ours
            refuse(f"{dotted(where)} has an anchor (&) that is used elsewhere in the file",
                   "Write the values out at both places and delete the anchor.", anchored)

    def _refuse_other_kinds(self, path: Path | None, event: Any) -> None:
        """`trakt` and `authorization` are mappings, or nothing."""
        if path not in (TRAKT, AUTHORIZATION) or isinstance(event, MappingStartEvent):
            return
        if not isinstance(event, ScalarEvent) or not is_blank(event):
            raise not_a_mapping(self.text, dotted(path or ()), event)


def _homes(path: Path) -> list[Path]:
    """The blocks at and below `path`: what looks like a key of theirs was meant for them."""
    return [home for home in _KEYS if home[:len(path)] == path]


def _has_tag(event: Any) -> bool:
    """Whether a key has a tag; ``!`` alone leaves it a string (YAML 1.2, section 6.9.1)."""
    return event.ctag is not None and event.tag != "!"


def _content(event: Any) -> str | None:
    """The content of a scalar key; None for any other."""
    return str(event.value) if isinstance(event, ScalarEvent) else None


def _identity(event: Any) -> bytes:
    """What makes an event the same wherever it stands."""
    tag = getattr(event, "ctag", None)
    facts = (type(event).__name__, None if tag is None else str(tag),
             *(getattr(event, name, None) for name in (
                 "anchor", "implicit", "value", "style", "flow_style", "explicit", "version",
                 "tags")))
    return repr(facts).encode("utf-8", "surrogatepass")
