"""Compose what is kept of a config from its events, one after the other.

What the marks of ruamel.yaml cannot be trusted with (:mod:`.marks`) is found in the text. Nothing
recurses, and of everything outside `trakt` only a digest is kept (:mod:`.outside`).
"""
from __future__ import annotations

import re
from typing import Any

from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    NodeEvent,
    ScalarEvent,
)

from trakt_config.document import checks, marks
from trakt_config.document.digests import blake2b
from trakt_config.document.events import content, identity, is_empty, refuse
from trakt_config.document.keys import AUTHORIZATION, KEYS, ROOT, TRAKT, WRITTEN, Path, dotted
from trakt_config.document.layout import Block, Entry, Layout
from trakt_config.document.lines import NEWLINE
from trakt_config.document.nodes import Collection, Key
from trakt_config.document.outside import Outside

#: What counts in some lines and columns only, for some readers.
_ODD_CHARACTERS = ("\ufeff", "\x85", "\u2028", "\u2029")

#: A comment in the place of a value, and its first character if it is like one.
_COMMENT = re.compile(r" *#([^ \t\r\n]?)")

#: Our block, in a document that is not read.
_TRAKT = re.compile(r"""(?m)^["']?trakt["']?[ ]*:""")


class Composer:
    """Takes the events one after the other and keeps the layout."""

    def __init__(self, text: str, loader: str) -> None:
        self.text = text
        self.loader = loader
        self.anchors = checks.Anchors()
        self.keys = checks.KeyChecks()
        self.outside = Outside(text, loader, self.anchors)
        self.alone = not any(character in text for character in _ODD_CHARACTERS)
        self.following: int | None = None
        self.end = 0  # behind the last character read that is neither blank nor comment
        self.stack: list[Collection] = []
        self.documents = 0
        self.root: Block | None = None
        self.null: tuple[int, int] | None = None
        self.document_end: int | None = None

    def take(self, event: Any) -> None:
        if self.outside.depth:
            self.outside.take(event)
            if not self.outside.depth:
                self._leave_outside()
        elif isinstance(event, CollectionStartEvent):
            self._open(event)
        elif isinstance(event, CollectionEndEvent):
            self._close(event)
        elif isinstance(event, NodeEvent):
            self._leaf(event)
        elif isinstance(event, (DocumentStartEvent, DocumentEndEvent)):
            self._document_marker(event)

    def layout(self) -> Layout:
        found = Layout(self.root, self.outside.digest(), self.document_end, self.loader,
                       self._stands_alone(), self.following, tuple(self.keys.strays), self.null)
        self.keys.refuse_lookalikes(found)
        self.keys.refuse_merged(found)
        checks.refuse_large_trakt(found)
        return found

    def _stands_alone(self) -> bool:
        """Whether `trakt` can be read without the rest of the text (see :mod:`.proof`)."""
        root = self.root
        entry = root.entry("trakt") if root else None
        return (self.alone and root is not None and entry is not None
                and not root.flow and root.column == 0 and self.document_end is None
                and entry.key_column == 1 and entry.colon is not None
                and self.text[entry.key_start:entry.key_end] == "trakt"
                and NEWLINE.search(self.text, entry.key_end, entry.colon) is None)

    def _has_trakt(self) -> bool:
        return self.root is not None and self.root.entry("trakt") is not None

    def _leave_outside(self) -> None:
        root = self.stack[-1]
        root.key, root.ends_outside = None, True

    def _document_marker(self, event: Any) -> None:
        has_directives = getattr(event, "version", None) or getattr(event, "tags", None)
        if event.explicit or has_directives:
            self.outside.add_marker(event)
        self.alone = self.alone and not has_directives
        if isinstance(event, DocumentEndEvent):
            self.document_end = event.start_mark.index if event.explicit else None
            return
        self.documents += 1
        if self.documents > 1:
            line = f"the line with the {'dashes' if event.explicit else 'three dots'}"
            has_two = self._has_trakt() and _TRAKT.search(self.text, event.start_mark.index)
            refuse("a second YAML document begins here", "Both have a trakt block: keep one of the "
                   f"two, and delete the other, and {line}." if has_two else
                   f"Keep one document in the file: delete {line}.", event)
        if event.explicit:
            self.end = event.end_mark.index

    # -- collections --

    def _open(self, event: Any) -> None:
        checks.refuse_depth(len(self.stack), event)
        path, digest = self._place(event)
        parent = self.stack[-1] if self.stack else None
        checks.refuse_other_kinds(self.text, path, event)
        if parent is not None and parent.at_outside:
            self.outside.enter(event)
            return
        if event.flow_style:
            self.end = max(self.end, event.end_mark.index)
        self.stack.append(Collection(
            event, path if path in KEYS else None, digest,
            inside=path == TRAKT or (parent is not None and parent.inside),
            written=path in WRITTEN or (parent is not None and parent.written)))

    def _close(self, event: Any) -> None:
        closed = self.stack.pop()
        # The end of a block is at the next token, and so is that of `[a: b]` without braces.
        if closed.event.flow_style and event.end_mark.index > event.start_mark.index:
            self.end = event.end_mark.index
        if closed.path != ROOT:
            self._add(closed.digest, event)
        if closed.ends_outside:
            closed.last_end = self.outside.end()
        block = None
        if closed.path is not None:
            block = Block(flow=bool(closed.event.flow_style), start=closed.start,
                          column=closed.column, last_end=closed.last_end,
                          json=self._is_json(closed),
                          entries=tuple(closed.entries), digest=identity(closed.event))
        if self.stack:
            self._finish(closed.event, closed.digest, block)
        else:
            self.root = block

    def _is_json(self, closed: Collection) -> bool:
        """Flow style with a double-quoted key in it, or, when empty, before it."""
        parent = self.stack[-1] if self.stack else None
        quoted = closed.quoted
        if not closed.keys and parent is not None and parent.key is not None:
            quoted = bool(parent.event.flow_style) and _is_quoted(parent.key.event)
        return bool(closed.event.flow_style) and quoted

    # -- scalars and aliases --

    def _leaf(self, event: Any) -> None:
        if not self.stack:
            checks.refuse_other_kinds(self.text, ROOT, event)
            if not is_empty(event):
                self.outside.add_marker(event)
                self.null = event.start_mark.line + 1, event.start_mark.column + 1
            return
        parent = self.stack[-1]
        if parent.at_outside and parent.key is not None:
            self.outside.take_leaf(parent.key.end, event)
            self._leave_outside()
            return
        path, digest = self._place(event)
        if isinstance(event, AliasEvent):
            if parent.inside or path == TRAKT:
                refuse("an alias (*) inside the trakt block", "Write the value itself there.",
                       event)
            self.anchors.refuse_alias(event)
        self.end = self._end_of_leaf(event)
        self._finish(event, digest, None)

    def _end_of_leaf(self, event: Any) -> int:
        parent = self.stack[-1]
        if not is_empty(event):
            return marks.end_of(self.text, event)
        if not parent.mapping:
            return int(event.start_mark.index)
        if parent.key is None:
            return marks.end_of_empty_key(self.text, event)
        return self.end if parent.colon is None else marks.behind_colon(self.text, parent.colon)

    # -- where a node belongs --

    def _place(self, event: Any) -> tuple[Path | None, blake2b | None]:
        """The path of a node that begins, and the digest that it belongs to."""
        path: Path | None = ROOT
        digest = None
        if self.stack:
            parent = self.stack[-1]
            if parent.mapping and parent.key is not None:
                parent.colon = marks.colon_behind(
                    self.text, parent.key.end, flow=parent.event.flow_style,
                    column=parent.column)
            path = self._path(parent)
            digest = self._digest(parent, event)
        if path != ROOT:
            self._add(digest, event)
        if event.anchor is not None and not isinstance(event, AliasEvent):
            self._define(event, path)
        return path, digest

    def _path(self, parent: Collection) -> Path | None:
        if parent.path is None or parent.key is None:
            return None
        return parent.path + (content(parent.key.event),)

    def _digest(self, parent: Collection, event: Any) -> blake2b | None:
        """Entries of `trakt` and `authorization` have digests of their own, keys and values."""
        if parent.path is None:
            return parent.child
        key = event if parent.key is None else parent.key.event
        if parent.path == ROOT and content(key) != "trakt":
            return None
        parent.child = blake2b(digest_size=16)
        return parent.child

    def _add(self, digest: blake2b | None, event: Any) -> None:
        if digest is None:
            self.outside.add(event)
        else:
            digest.update(identity(event))

    def _define(self, event: Any, path: Path | None) -> None:
        is_written = bool(self.stack) and self.stack[-1].written
        is_ours = is_written or path in (TRAKT, AUTHORIZATION) or path in WRITTEN
        if path in (ROOT, TRAKT) or self.stack[-1].inside:
            self.alone = False
        self.anchors.define(event, (path or TRAKT) if is_ours else None)

    def _finish(self, event: Any, digest: blake2b | None, block: Block | None) -> None:
        """A node has ended: it was a key, or the value that completes an entry, or an item."""
        parent = self.stack[-1]
        if not parent.mapping:
            return
        if parent.key is None:
            parent.key = Key(event, self.end, digest.digest() if digest else b"")
            self._check_key(parent, event)
            return
        if parent.path is not None and not parent.at_outside:
            parent.entries.append(self._entry(parent, parent.key, event, digest, block))
        parent.key = None
        parent.last_end = self.end
        parent.ends_outside = False

    def _entry(self, parent: Collection, key: Key, event: Any, digest: blake2b | None,
               block: Block | None) -> Entry:
        name = content(key.event)
        assert parent.path is not None and digest is not None
        path = parent.path + (name,)
        if isinstance(event, ScalarEvent):
            checks.refuse_other_kinds(self.text, path, event)
        if parent.colon is None and not parent.event.flow_style and path in (TRAKT, AUTHORIZATION):
            refuse(f"{dotted(path)} has no colon", "Write a colon after the key.", key.event)
        # `!!str &a v` is marked at `&a`: the value begins at the first character of all.
        start = self.end if parent.colon is None or is_empty(event) else marks.skip_gap(
            self.text, parent.colon + 1)
        comment = None
        if parent.colon is not None and is_empty(event):
            comment = _COMMENT.match(self.text, parent.colon + 1)
        return Entry(
            key=name, key_style=getattr(key.event, "style", None), key_digest=key.digest,
            key_start=key.event.start_mark.index, key_end=key.end,
            key_line=key.event.start_mark.line + 1, key_column=key.event.start_mark.column + 1,
            colon=parent.colon, start=start, end=self.end,
            value_line=event.start_mark.line + 1, value_column=event.start_mark.column + 1,
            event=event, digest=digest.digest(), block=block, only_comment=comment is not None,
            commented_out=comment is not None and comment[1] != "",
            in_braces=self.text.startswith("{{", start))

    def _check_key(self, parent: Collection, event: Any) -> None:
        if parent.path is None:
            return
        parent.keys += 1
        parent.quoted = parent.quoted or _is_quoted(event)
        checks.refuse_number(parent.path, parent.keys, event)
        if parent.path == ROOT and parent.entries and self.following is None:
            self._end_of_trakt(event)
        self.keys.take(parent.path, event)

    def _end_of_trakt(self, event: Any) -> None:
        """The first key of the root behind `trakt`."""
        self.following = event.start_mark.index
        is_plain_or_quoted = (isinstance(event, ScalarEvent) and not is_empty(event)
                              and event.style in (None, "'", '"') and event.ctag is None
                              and event.anchor is None and event.start_mark.column == 0)
        self.alone = self.alone and is_plain_or_quoted


def _is_quoted(key: Any) -> bool:
    """Whether a key stands in double quotes, as JSON wants it."""
    return getattr(key, "style", None) == '"'
