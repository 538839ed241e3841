"""Where the ``trakt`` block of a YAML text stands. All positions are offsets in characters."""
from __future__ import annotations

from typing import Any

from ruamel.yaml.events import ScalarEvent, SequenceStartEvent

from trakt_config.document.events import is_blank, is_empty, trimmed
from trakt_config.startup import Record, hidden

_STANDARD_TAGS = "tag:yaml.org,2002:"


class Entry(Record):
    """One key with its value, as it stands in the text.

    ``start`` is where the value begins, its tag and anchor included; ``end`` is behind its last
    character. For an empty value both are the place where a value would be written.
    ``colon`` is None for a key without one. Lines and columns count from 1.
    ``only_comment``: nothing, and a comment where the value should be; ``commented_out``: one that
    looks like a value, such as ``####``. ``in_braces``: `{{`, where another program puts a value.
    """

    key: str | None = hidden()
    key_style: str | None
    key_digest: bytes = hidden()
    key_start: int
    key_end: int
    key_line: int
    key_column: int
    colon: int | None
    start: int
    end: int
    value_line: int
    value_column: int
    event: Any = hidden()
    digest: bytes = hidden()
    block: Block | None = None
    only_comment: bool = False
    commented_out: bool = False
    in_braces: bool = False

    @property
    def line(self) -> int:
        """That of the value; where it takes no room, its key's."""
        return self.key_line if self.blank else self.value_line

    @property
    def column(self) -> int:
        return self.key_column if self.blank else self.value_column

    @property
    def scalar(self) -> bool:
        return isinstance(self.event, ScalarEvent)

    @property
    def kind(self) -> str:
        """What people call it."""
        if self.scalar:
            return "value"
        return "list" if isinstance(self.event, SequenceStartEvent) else "mapping"

    @property
    def empty(self) -> bool:
        """Nothing at all: no quotes, no tag, no anchor."""
        return is_empty(self.event)

    @property
    def value(self) -> str:
        """The content of a scalar, not trimmed; empty for a collection."""
        return str(self.event.value) if self.scalar else ""

    @property
    def text(self) -> str:
        """What it says, without the blanks around it, whatever type YAML would give it."""
        return trimmed(self.value)

    @property
    def style(self) -> str | None:
        """``'``, ``"``, ``|`` or ``>``; None for a plain scalar or a collection."""
        return self.event.style if self.scalar else None

    @property
    def foreign(self) -> bool:
        """It has a tag of another program's, such as ``!secret``."""
        tag = self.event.tag
        return tag is not None and tag != "!" and not tag.startswith(_STANDARD_TAGS)

    @property
    def blank(self) -> bool:
        """Null, or a string of blanks; another program's tag makes something else of it."""
        return self.scalar and is_blank(self.event) and not self.foreign


class Block(Record):
    """A mapping, in block or in flow style, as it stands in the text.

    ``start`` is at the first key, or behind the ``{``; ``column`` is the indentation of the keys.
    ``last_end`` is the end of the last entry, or None when there is none. ``json``: new keys have
    to be quoted as JSON wants them. Of the root only the ``trakt`` entry is kept.
    """

    flow: bool
    start: int
    column: int
    last_end: int | None
    json: bool
    entries: tuple[Entry, ...]
    digest: bytes = hidden()

    def entry(self, key: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.key == key), None)


class Stray(Record):
    """A key of the root that was meant to be `trakt`, or to stand in it. ``key`` is one of ours;
    ``hint`` says how `trakt` is written.
    """

    key: str
    line: int
    column: int
    hint: str

    @property
    def is_trakt(self) -> bool:
        return self.key == "trakt"


class Layout(Record):
    """What one pass keeps. ``digest`` covers everything but the root's ``trakt`` entry.

    ``loader`` is the one that could read the text. ``document_end`` is where a ``...`` stands.
    ``stands_alone``: the ``trakt`` entry can be read without the rest of the text (see
    :mod:`.proof`); then ``following`` is where the next key of the root begins, if there is one.
    """

    root: Block | None
    digest: bytes = hidden()
    document_end: int | None
    loader: str
    stands_alone: bool = False
    following: int | None = None
    strays: tuple[Stray, ...] = ()
    #: Line and column of a null, or of quotes with nothing in them, in the place of the root.
    null: tuple[int, int] | None = None

    @property
    def entry(self) -> Entry | None:
        """The ``trakt`` entry."""
        return self.root.entry("trakt") if self.root else None

    @property
    def trakt(self) -> Block | None:
        return self.entry.block if self.entry else None

    @property
    def authorization(self) -> Block | None:
        entry = self.trakt.entry("authorization") if self.trakt else None
        return entry.block if entry else None
