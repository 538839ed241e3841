"""A config that has been read: what its ``trakt`` block says, and where. Bytes in, values out."""
from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from trakt_config.document.events import trimmed
from trakt_config.document.layout import Block, Entry, Layout, Stray
from trakt_config.document.lines import position
from trakt_config.document.parser import read_layout
from trakt_config.errors import LARGEST_CONFIG, ConfigError
from trakt_config.startup import Record, hidden

_COMMENT = re.compile(r" *#")
_COMMENTED_OUT = re.compile(r" *#[^ \t\r\n]")

#: The way out for somebody who keeps the tokens somewhere else.
KEPT_ELSEWHERE_HINT = ("Keep the authorization in a small file of its own, and start the job with: "
                       "trakt-config exec THATFILE -- COMMAND (it sets what Kometa fills "
                       "<<trakt-access-token>> from)")


class Value(Record):
    """One value of the block.

    ``text`` is what it says: the content of a quoted or block scalar, the characters of a plain
    one, without the blanks around it, whatever type YAML would give it. ``line`` and ``column``
    count from 1; those of a value that takes no room are its key's, which are ``key_line`` and
    ``key_column``. ``scalar`` is False for a list or a mapping. ``blank``: nothing, ``~``,
    ``null``, or a string of blanks. ``foreign``: it has a tag of another program's, such as
    ``!secret``. ``only_comment``: nothing, and a comment where the value should be;
    ``commented_out``: one that looks like a value, such as ``####``.
    """

    text: str = hidden()
    line: int
    column: int
    scalar: bool
    blank: bool
    foreign: bool = False
    only_comment: bool = False
    commented_out: bool = False
    key_line: int = 0
    key_column: int = 0


class Document(Record):
    """A config that has been read; nothing of the file is in its repr.

    ``data`` is the whole file, as bytes. ``trakt`` holds every value of the block by key,
    ``authorization`` included (not a scalar, or blank); None when the block is missing or null.
    ``has_trakt``: the key is there, maybe null; then ``trakt_line`` and ``trakt_column`` are
    where. ``authorization`` holds the values of the inner block, and is empty when that is
    missing, null or empty. ``strays`` are keys of the root that look as if they were meant to be
    `trakt`, or to stand in it.
    """

    data: bytes = hidden()
    trakt: Mapping[str, Value] | None = hidden()
    has_trakt: bool
    trakt_line: int | None
    trakt_column: int | None
    authorization: Mapping[str, Value] = hidden()
    strays: tuple[Stray, ...]
    _text: str = hidden()
    _layout: Layout = hidden()


def parse(data: bytes) -> Document:
    """Read a config. An empty file, or one without `trakt`, is no error here.

    :raises TypeError: it is text, not bytes.
    :raises ConfigError: with line and column, without a path: not UTF-8; over 2 MiB; nested over
        100 deep; not YAML to ruamel.yaml, which is what Kometa reads with; several documents; the
        root, `trakt` or `authorization` not a mapping; a key that we read or write is there twice
        or, in block style, without a colon; an alias or merge key inside `trakt`, or a merge
        key at the root in place of it; an anchor on something that we write and that an alias
        elsewhere uses.
    """
    if not isinstance(data, bytes):
        raise TypeError(f"a config is bytes, not {type(data).__name__}")
    if len(data) > LARGEST_CONFIG:
        raise ConfigError("the file is larger than 2 MiB", hint="Is this the right file?")
    text = _decoded(data)
    return document_of(data, text, read_layout(text))


def document_of(data: bytes, text: str, found: Layout) -> Document:
    """The document whose layout is known."""
    entry = found.entry
    return Document(
        data=data,
        trakt=_values(text, found.trakt) if found.trakt else None,
        has_trakt=entry is not None,
        trakt_line=entry.line if entry else None,
        trakt_column=entry.column if entry else None,
        authorization=_values(text, found.authorization) if found.authorization else {},
        strays=found.strays, _text=text, _layout=found)


def _decoded(data: bytes) -> str:
    """The text of UTF-8 bytes, a byte order mark and all line breaks kept."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:2]:
        raise ConfigError("the file is UTF-16, and not UTF-8",
                          hint="Save it as UTF-8 in your editor.", line=1, column=1)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        valid = error.start
    before = data[:valid].decode("utf-8")
    line, column = position(before, len(before))
    # Raised out here: the decoder's exception holds the whole file.
    raise ConfigError("the file is not UTF-8", hint="Save it as UTF-8 in your editor.",
                      line=line, column=column)


def _values(text: str, block: Block) -> Mapping[str, Value]:
    return MappingProxyType({entry.key: _value(text, entry) for entry in block.entries
                             if entry.key is not None})


def _value(text: str, entry: Entry) -> Value:
    line, column = entry.value_line, entry.value_column
    if entry.blank:
        line, column = entry.line, entry.column
    return Value(text=trimmed(entry.value), line=line, column=column, scalar=entry.scalar,
                 blank=entry.blank, foreign=entry.foreign,
                 only_comment=entry.empty and _follows(_COMMENT, text, entry),
                 commented_out=entry.empty and _follows(_COMMENTED_OUT, text, entry),
                 key_line=entry.line, key_column=entry.column)


def _follows(pattern: re.Pattern[str], text: str, entry: Entry) -> bool:
    return entry.colon is not None and pattern.match(text, entry.colon + 1) is not None
