"""The ``trakt`` block of a config: bytes in, bytes out, and only its values change.

YAML is never dumped: positions are found (:mod:`.parser`), new text is spliced in
(:mod:`.splices`), the result is parsed again, and it is proved that everything else means the
same. Where that fails, the edit is refused.
"""
from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from types import MappingProxyType

from trakt_config.document import quoting
from trakt_config.document.events import NEWLINE, position, trimmed
from trakt_config.document.layout import (
    AUTHORIZATION,
    PIN,
    ROOT,
    TRAKT,
    Block,
    Entry,
    Outline,
    Path,
)
from trakt_config.document.parser import read_outline
from trakt_config.document.splices import (
    NUMBERS,
    Fields,
    Splice,
    block_lines,
    cannot_edit,
    fill,
    insert,
    newline_at,
    set_value,
    spliced,
)
from trakt_config.errors import ConfigError
from trakt_config.tokens import AUTHORIZATION_KEYS

#: A larger file is no config, and would take half a minute to read.
MAX_BYTES = 8 * 1024 * 1024

#: Filled in by Kometa (``<<name>>``) or by another program (``${NAME}``).
_PLACEHOLDER = re.compile(r"<<[^<>]+>>|\$\{[^{}]*\}")

#: A line that holds a key or a list item, and is not only a comment.
_KEY_OR_ITEM = re.compile(r"[ \t]*(?!#)(?:.*:(?:[ \t]|$)|-(?:[ \t]|$))")

#: The way out for somebody who keeps the tokens somewhere else.
KEPT_ELSEWHERE_HINT = ("Keep the authorization in a small file of its own, and start the job with: "
                       "trakt-config exec THATFILE -- COMMAND")

_STANDARD_TAGS = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Value:
    """One value of the block.

    ``text`` is what it says: the content of a quoted or block scalar, the characters of a plain
    one, without the blanks around it, whatever type YAML would give it. ``line`` and ``column``
    count from 1; those of a value that takes no room are its key's. ``scalar`` is False for a
    list or a mapping. ``blank``: nothing, ``~``, ``null``, or a string of blanks. ``foreign``: it
    has a tag of another program's, such as ``!secret``.
    """

    text: str = field(repr=False)
    line: int
    column: int
    scalar: bool
    blank: bool
    foreign: bool = False


@dataclass(frozen=True, eq=False)
class Document:
    """A config that has been read; nothing of the file is in its repr.

    ``trakt`` holds every value of the block by key, ``authorization`` included (not a scalar, or
    blank); None when the block is missing or null. ``has_trakt``: the key is there, maybe null;
    then ``trakt_line`` and ``trakt_column`` are where. ``authorization`` holds the values of the
    inner block, and is empty when that is missing, null or empty.
    """

    data: bytes = field(repr=False)
    trakt: Mapping[str, Value] | None = field(repr=False)
    has_trakt: bool
    trakt_line: int | None
    trakt_column: int | None
    authorization: Mapping[str, Value] = field(repr=False)
    _text: str = field(repr=False)
    _outline: Outline = field(repr=False)


def parse(data: bytes) -> Document:
    """Read a config. An empty file, or one without `trakt`, is no error here.

    :raises ConfigError: with line and column, without a path: not UTF-8; over 8 MiB; nested over
        100 deep; not YAML to ruamel.yaml, which is what Kometa reads with; several documents; the
        root, `trakt` or `authorization` not a mapping; a key that we read or write is there twice
        or, in block style, without a colon; an alias or merge key inside `trakt`; an anchor on
        something that we write and that an alias elsewhere uses.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError("the file is larger than 8 MiB", hint="is this the right file?")
    text = _decoded(data)
    found = read_outline(text)
    entry = found.entry
    return Document(
        data=data,
        trakt=_values(found.trakt) if found.trakt else None,
        has_trakt=entry is not None,
        trakt_line=entry.line if entry else None,
        trakt_column=entry.column if entry else None,
        authorization=_values(found.authorization) if found.authorization else {},
        _text=text, _outline=found)


def _decoded(data: bytes) -> str:
    """The text of UTF-8 bytes, a byte order mark and all line breaks kept."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        valid = error.start
    before = data[:valid].decode("utf-8")
    line, column = position(before, len(before))
    # Raised out here: the decoder's exception holds the whole file.
    raise ConfigError("the file is not UTF-8", hint="save it as UTF-8 in your editor",
                      line=line, column=column)


def _values(block: Block) -> Mapping[str, Value]:
    return MappingProxyType({entry.key: _value(entry) for entry in block.entries
                             if entry.key is not None})


def _value(entry: Entry) -> Value:
    line, column = entry.value_line, entry.value_column
    if entry.blank:
        line, column = entry.line, entry.column
    return Value(text=trimmed(entry.value), line=line, column=column, scalar=entry.scalar,
                 blank=entry.blank, foreign=_is_foreign(entry))


def _is_foreign(entry: Entry) -> bool:
    tag = entry.event.tag
    return tag is not None and tag != "!" and not tag.startswith(_STANDARD_TAGS)


# -- edits ---------------------------------------------------------------------------------------

def set_authorization(document: Document, values: Mapping[str, str | None], *,
                      clear_pin: bool = False) -> Document:
    """The document with `values` in its authorization block, parsed again and proved.

    Nothing else changes: comments, order, blanks, quotes, indentation, line endings stay. Missing
    keys are added, and a missing block. Values that are there already are left as they are.

    :param values: any of the six, as text; `expires_in` and `created_at` are digits. None
        empties the value.
    :param clear_pin: empty the pin as well; a pin key is never added.
    :raises ConfigError: there is no trakt block, or the edit cannot be done or proved.
    """
    trakt = _trakt(document)
    wanted = {key: values[key] for key in AUTHORIZATION_KEYS if key in values}
    splices: list[Splice] = []
    written: dict[Path, str | None] = {}
    pin = trakt.entry("pin")
    if clear_pin and pin is not None and not pin.blank:
        splices += set_value(document._text, trakt, pin, None)
        written[PIN] = None
    splices += _authorization_splices(document, trakt, wanted, written)
    return _proved(document, splices, written)


def clear_authorization(document: Document) -> Document:
    """The document with the six values emptied, as far as they are there; parsed and proved.

    :raises ConfigError: there is no trakt block, or the edit cannot be done or proved.
    """
    _trakt(document)
    block = document._outline.authorization
    splices: list[Splice] = []
    written: dict[Path, str | None] = {}
    for entry in block.entries if block else ():
        if entry.key in AUTHORIZATION_KEYS and not entry.blank:
            assert block is not None
            splices += set_value(document._text, block, entry, None)
            written[AUTHORIZATION + (entry.key,)] = None
    return _proved(document, splices, written)


def fill_client(document: Document, client_id: str, client_secret: str) -> Document:
    """The document with `client_id` and `client_secret` where they are blank or missing.

    A value that is there is never overwritten. Where the whole block is missing, one in Kometa's
    shape is added at the end of the file, with a blank line before it. An empty `client_secret`
    stays empty: newer apps have none.

    :raises ConfigError: the edit cannot be done or proved.
    """
    client = {"client_id": client_id, "client_secret": client_secret}
    found = document._outline
    if found.trakt is None:
        return _add_trakt(document, client)
    splices: list[Splice] = []
    written: dict[Path, str | None] = {}
    for key, value in client.items():
        entry = found.trakt.entry(key)
        if value and entry is not None and entry.blank:
            splices += set_value(document._text, found.trakt, entry, value)
            written[TRAKT + (key,)] = value
    missing = {key: value for key, value in client.items()
               if value and found.trakt.entry(key) is None}
    if missing:
        splices += insert(document._text, found.trakt, found.trakt.entry("client_id"), missing, 2)
        written.update({TRAKT + (key,): value for key, value in missing.items()})
    return _proved(document, splices, written)


def _trakt(document: Document) -> Block:
    block = document._outline.trakt
    if block is None:
        raise ConfigError("there is no trakt block", line=document.trakt_line,
                          column=document.trakt_column,
                          hint="add one with client_id and authorization")
    return block


def _authorization_splices(document: Document, trakt: Block,
                           wanted: Mapping[str, str | None],
                           written: dict[Path, str | None]) -> list[Splice]:
    text, found = document._text, document._outline
    block = found.authorization
    splices: list[Splice] = []
    for entry in block.entries if block else ():
        if block is None or entry.key is None or entry.key not in wanted:
            continue
        value = wanted[entry.key]
        _refuse_values_from_elsewhere(entry)
        if not _holds(entry, value):
            splices += set_value(text, block, entry, value)
            written[AUTHORIZATION + (entry.key,)] = value
    missing = {key: value for key, value in wanted.items()
               if block is None or block.entry(key) is None}
    if missing:
        splices += _insert_missing(document, trakt, missing)
        written.update({AUTHORIZATION + (key,): value for key, value in missing.items()})
    return splices


def _insert_missing(document: Document, trakt: Block, missing: Fields) -> list[Splice]:
    text, found = document._text, document._outline
    entry = trakt.entry("authorization")
    step = _step(found)
    if entry is None:
        after = trakt.entry("pin") or trakt.entry("client_secret")
        return insert(text, trakt, after, {"authorization": missing}, step)
    if found.authorization is None:
        return fill(text, trakt, entry, missing, step)
    return insert(text, found.authorization, None, missing, step)


def _step(found: Outline) -> int:
    """By how many blanks the trakt block is indented, so is what comes inside it."""
    if found.root is None or found.trakt is None or found.root.flow or found.trakt.flow:
        return 2
    return max(found.trakt.column - found.root.column, 1)


def _holds(entry: Entry, value: str | None) -> bool:
    if value is None:
        return entry.blank
    return (entry.scalar and entry.event.ctag is None and entry.value == value
            and (not entry.blank or entry.style is not None))


def _refuse_values_from_elsewhere(entry: Entry) -> None:
    """A placeholder or a tag such as ``!secret``: the user keeps this token elsewhere."""
    if _is_foreign(entry) or _PLACEHOLDER.search(entry.value):
        raise ConfigError(f"trakt.authorization.{entry.key} is filled in from elsewhere",
                          hint=KEPT_ELSEWHERE_HINT,
                          line=entry.value_line, column=entry.value_column)


# -- a whole block -------------------------------------------------------------------------------

def _add_trakt(document: Document, client: Mapping[str, str]) -> Document:
    text, found = document._text, document._outline
    filled = {key: value or None for key, value in client.items()}
    inner: Fields = {**filled, "authorization": dict.fromkeys(AUTHORIZATION_KEYS),
                     "pin": None}
    if found.root is None:
        splices = [_appended(document, inner, 0)]
    elif found.entry is not None:
        splices = fill(text, found.root, found.entry, inner, 2)
    elif found.root.flow:
        splices = insert(text, found.root, None, {"trakt": inner}, 2)
    else:
        splices = [_appended(document, inner, found.root.column)]
    written: dict[Path, str | None] = {PIN: None}
    written.update({TRAKT + (key,): value for key, value in filled.items()})
    written.update({AUTHORIZATION + (key,): None for key in AUTHORIZATION_KEYS})
    return _proved(document, splices, written)


def _appended(document: Document, inner: Fields, column: int) -> Splice:
    """The block at the end of the document, before a ``...``, with one blank line before it.

    Without it where the last value is below a comment: ruamel.yaml's round-trip loader, so
    Kometa, fails on a comment, a plain value below it and a blank line below that.
    """
    text, found = document._text, document._outline
    place = len(text) if found.document_end is None else found.document_end
    newline = newline_at(text, place)
    before = text[:place]
    ends_line = not before.strip("\ufeff") or before.endswith(("\n", "\r"))
    has_blank_line = not before.strip("\ufeff \r\n") or before.endswith(newline * 2)
    has_blank_line = has_blank_line or _ends_below_comment(before)
    lines = block_lines({"trakt": inner}, " " * column, 2)
    new = ("" if ends_line else newline) + ("" if has_blank_line else newline)
    new += newline.join(lines)
    return place, place, new + (newline if ends_line or place < len(text) else "")


def _ends_below_comment(text: str) -> bool:
    """Whether the last value of `text` stands below its key, with a comment between the two."""
    lines = [line for line in NEWLINE.split(text) if line.strip()]
    comments = ["#" in line for line in lines]
    keys = [_KEY_OR_ITEM.match(line) is not None for line in lines]
    if not lines or comments[-1] or True not in keys:
        return False
    last_key = len(keys) - 1 - keys[::-1].index(True)
    return any(comments[last_key:])


# -- the proof -----------------------------------------------------------------------------------

def _proved(document: Document, splices: list[Splice],
            written: Mapping[Path, str | None]) -> Document:
    """The document after the splices, if they did what they should and nothing else."""
    if not splices:
        return document
    edited: Document | None = None
    try:
        edited = parse(spliced(document._text, splices).encode("utf-8"))
    except (ConfigError, UnicodeEncodeError):
        pass
    if edited is None or not _is_proof(document._outline, edited._outline, written):
        raise cannot_edit(document.trakt_line, document.trakt_column)
    return edited


def _is_proof(before: Outline, after: Outline, written: Mapping[Path, str | None]) -> bool:
    old, new = _entries(before), _entries(after)
    known = {path for path, _ in old}
    added = {path for path, _ in new} - known
    return (before.digest == after.digest
            and _block_facts(before, after)
            and added <= {*written, TRAKT, AUTHORIZATION}
            and _rest(old, written, known) == _rest(new, written, known)
            and all(_is_written(new, path, value) for path, value in written.items()))


def _entries(found: Outline) -> list[tuple[Path, Entry]]:
    blocks = ((ROOT, found.root), (TRAKT, found.trakt), (AUTHORIZATION, found.authorization))
    return [(path + (entry.key,), entry)
            for path, block in blocks if block is not None for entry in block.entries]


def _block_facts(before: Outline, after: Outline) -> bool:
    """Mappings that were there have kept their style, tags and anchors."""
    pairs = ((before.root, after.root), (before.trakt, after.trakt),
             (before.authorization, after.authorization))
    return all(old is None or (new is not None and old.digest == new.digest)
               for old, new in pairs)


def _rest(entries: list[tuple[Path, Entry]], written: Mapping[Path, str | None],
          known: Set[Path]) -> list[tuple[bytes, bytes | None]]:
    """What must be equal before and after: keys in order, and the values that were not edited."""
    edited = {*written, TRAKT, AUTHORIZATION}
    return [(entry.key_digest, None if path in edited else entry.digest)
            for path, entry in entries if path in known]


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
        quoting.is_integer(value) if path[-1] in NUMBERS
        else quoting.is_plain_string(value, flow=False))
