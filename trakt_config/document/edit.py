"""The ``trakt`` block of a config: bytes in, bytes out, and only its values change.

YAML is never dumped: positions are found (:mod:`.parser`), new text is spliced in
(:mod:`.splices`), and it is proved that everything else means the same (:mod:`.proof`). Where
that fails, the edit is refused.

What explains a wrong config is imported here as well. An edit is proved before Trakt is asked; once
it has answered nothing may fail, and the config that is read again may be wrong by then.
"""
from __future__ import annotations

import difflib  # noqa: F401
import re
import unicodedata  # noqa: F401
from collections.abc import Mapping
from types import MappingProxyType

from trakt_config.document import other_kinds, templates, typos, yaml_errors  # noqa: F401
from trakt_config.document.arguments import check_flag, check_texts, wanted_values
from trakt_config.document.document import KEPT_ELSEWHERE_HINT, Document, require_document
from trakt_config.document.keys import AUTHORIZATION, TRAKT, Path
from trakt_config.document.layout import Block, Entry, Layout
from trakt_config.document.lines import (
    NEWLINE,
    end_of_line,
    mistake,
    newline_at,
    reports_mistakes,
)
from trakt_config.document.proof import Change, proved
from trakt_config.document.splices import (
    Fields,
    Splice,
    block_lines,
    fill,
    insert,
    insert_lines,
    set_value,
)
from trakt_config.errors import ConfigError, command
from trakt_config.tokens import AUTHORIZATION_KEYS, Authorization

#: Filled in by Kometa (``<<name>>``) or by another program (``${NAME}``).
_PLACEHOLDER = re.compile(r"<<[^<>]+>>|\$\{[^{}]*\}")

#: A line that holds a key or a list item, and is not only a comment.
_KEY_OR_ITEM = re.compile(r"[ \t]*(?!#)(?:.*:(?:[ \t]|$)|-(?:[ \t]|$))")

_COMMENT = re.compile(r"(?:^|[ \t])#")

#: What Kometa looks for besides the client and the authorization, and adds where it is missing.
_LOOKED_FOR: Mapping[str, str | None] = MappingProxyType({"pin": None, "force_refresh": "false"})

# -- edits ---------------------------------------------------------------------------------------

@reports_mistakes
def set_authorization(document: Document,
                      values: Authorization | Mapping[str, str | int | None], *,
                      clear_pin: bool = False) -> Document:
    """The document with `values` in its authorization block, parsed again and proved.

    Nothing else changes: comments, order, blanks, quotes, indentation, line endings stay. Missing
    keys are added, and a missing ``authorization``. A value that says the same already is left as
    it is written, quotes and all.

    :param values: an `Authorization`, or any of the six by key, as text; `expires_in` and
        `created_at` are whole numbers, as an int or as its digits. None empties the value.
    :param clear_pin: empty the pin as well; a pin key is never added.
    :raises TypeError: something is of another type.
    :raises ValueError: `values` has a key that is none of the six, or a value that is no such
        number, or longer than any answer of Trakt's.
    :raises ConfigError: there is no trakt block (:func:`fill_client` adds one), or the edit cannot
        be done or proved.
    """
    return proved(authorization_change(document, values, clear_pin=clear_pin))


def authorization_change(document: Document,
                         values: Authorization | Mapping[str, str | int | None], *,
                         clear_pin: bool = False) -> Change:
    """What `set_authorization` would do, not proved."""
    wanted = wanted_values(values)
    check_flag("clear_pin", clear_pin)
    trakt = _trakt(document)
    change = Change(document, [], {})
    pin = trakt.entry("pin")
    if clear_pin and pin is not None and not pin.blank:
        _set(change, TRAKT, trakt, pin, None)
    _set_values(change, trakt, wanted)
    return change


@reports_mistakes
def clear_authorization(document: Document) -> Document:
    """The document with the six values emptied, as far as they are there; parsed and proved.

    :raises ConfigError: there is no trakt block, or the edit cannot be done or proved.
    """
    _trakt(document)
    change, block = Change(document, [], {}), document._layout.authorization
    for entry in block.entries if block else ():
        if entry.key in AUTHORIZATION_KEYS and not entry.blank:
            assert block is not None
            _set(change, AUTHORIZATION, block, entry, None)
    return proved(change)


@reports_mistakes
def fill_client(document: Document, client_id: str, client_secret: str, *,
                redirect_uri: str = "", complete: bool = False) -> Document:
    """The document with `client_id` and `client_secret` where they are blank or missing.

    A value that is there is never overwritten. Where the whole block is missing, one in Kometa's
    shape is added at the end of the file, with a blank line before it: with all the keys that
    Kometa looks for, since it dumps the whole file to add one. An empty `client_secret` stays
    empty: newer apps have none.

    :param redirect_uri: is written in the same way; empty: the key is not added.
    :param complete: add the keys that Kometa looks for to a block that is there as well.
    :raises TypeError: something is of another type.
    :raises ValueError: a value is longer than any of Trakt's.
    :raises ConfigError: the edit cannot be done or proved. Keys that were meant to be ours, such as
        ``clientid``, do not stop it: :func:`unread_keys` names them.
    """
    client = {"client_id": client_id, "client_secret": client_secret}
    check_texts({**client, "redirect_uri": redirect_uri})
    check_flag("complete", complete)
    if redirect_uri:
        client["redirect_uri"] = redirect_uri
    trakt = _layout(document).trakt
    if trakt is None:
        return _add_trakt(document, client)
    change = Change(document, [], {})
    for key, value in client.items():
        entry = trakt.entry(key)
        if value and entry is not None and entry.blank:
            _set(change, TRAKT, trakt, entry, value)
    typed: dict[str, str | None] = {
        key: value for key, value in client.items() if value and trakt.entry(key) is None}
    looked_for = {key: value for key, value in _LOOKED_FOR.items()
                  if complete and trakt.entry(key) is None}
    added = [(typed, "client_id"), (looked_for, "client_secret")]
    if not trakt.entries:  # Both would begin at one place.
        added = [({**typed, **looked_for}, "client_id")]
    for fields, after in added:
        if fields:
            place = trakt.entry(after) or trakt.entry("client_id")
            change.splices.extend(insert(document._text, trakt, place, fields, 2))
            change.written.update({TRAKT + (key,): value for key, value in fields.items()})
    return proved(change)


def refuse_unfillable(document: Document) -> None:
    """See whether :func:`fill_client` could do it, whatever is to be written.

    :raises ConfigError: it could not.
    """
    fill_client(document, "a", "a", complete=True)


def _layout(document: Document) -> Layout:
    require_document(document)
    return document._layout


def _trakt(document: Document) -> Block:
    block = _layout(document).trakt
    if block is None:
        raise ConfigError("there is no trakt block", line=document.trakt_line,
                          column=document.trakt_column,
                          hint="A program adds one by fill_client, a person with: "
                               f"{command('login')}")
    return block


def _set(change: Change, path: Path, block: Block, entry: Entry, value: str | None) -> None:
    change.splices.extend(set_value(change.before._text, block, entry, value))
    change.written[(*path, entry.key)] = value


def _set_values(change: Change, trakt: Block, wanted: Mapping[str, str | None]) -> None:
    block = change.before._layout.authorization
    for entry in block.entries if block else ():
        if block is None or entry.key is None or entry.key not in wanted:
            continue
        value = wanted[entry.key]
        _refuse_values_from_elsewhere(entry)
        if not _holds(entry, value):
            _set(change, AUTHORIZATION, block, entry, value)
    missing = {key: value for key, value in wanted.items()
               if block is None or block.entry(key) is None}
    if missing:
        change.splices.extend(_insert_missing(change.before, trakt, missing))
        change.written.update({AUTHORIZATION + (key,): value for key, value in missing.items()})


def _insert_missing(document: Document, trakt: Block, missing: Fields) -> list[Splice]:
    text, found = document._text, document._layout
    entry = trakt.entry("authorization")
    step = _step(found)
    if entry is None:
        after = trakt.entry("pin") or trakt.entry("client_secret")
        return insert(text, trakt, after, {"authorization": missing}, step)
    if found.authorization is None:
        return fill(text, trakt, entry, missing, step)
    return insert(text, found.authorization, None, missing, step)


def _step(found: Layout) -> int:
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
    if entry.foreign or _PLACEHOLDER.search(entry.value):
        raise ConfigError(f"trakt.authorization.{entry.key} is filled in from elsewhere",
                          hint=KEPT_ELSEWHERE_HINT, line=entry.line, column=entry.column)


# -- a whole block -------------------------------------------------------------------------------

def _add_trakt(document: Document, client: Mapping[str, str]) -> Document:
    text, found = document._text, document._layout
    filled = {key: value or None for key, value in client.items()}
    inner: Fields = {**filled, "authorization": dict.fromkeys(AUTHORIZATION_KEYS), **_LOOKED_FOR}
    if found.null is not None:
        raise mistake("the file holds a null or an empty text, where its keys belong",
                      "Delete that: a file may be empty.", *found.null)
    if found.root is None:
        splices = [_appended(document, inner, 0)]
    elif found.entry is not None:
        splices = fill(text, found.root, found.entry, inner, 2)
    elif found.root.flow:
        splices = insert(text, found.root, None, {"trakt": inner}, 2)
    else:
        splices = [_appended(document, inner, found.root.column)]
    written = {TRAKT + (key,): value for key, value in {**_LOOKED_FOR, **filled}.items()}
    written.update({AUTHORIZATION + (key,): None for key in AUTHORIZATION_KEYS})
    return proved(Change(document, splices, written))


def _appended(document: Document, inner: Fields, column: int) -> Splice:
    """The block at the end of the document, before a ``...``, with one blank line before it.

    Without it, and before blank lines, where the last value is below a comment: ruamel.yaml's
    round-trip loader, so Kometa, fails on a comment, a plain value below it and a blank line
    below that.
    """
    text, found = document._text, document._layout
    place = len(text) if found.document_end is None else found.document_end
    before = text[:place]
    lines = block_lines({"trakt": inner}, " " * column, 2)
    last_end = found.root.last_end if found.root else None
    if last_end is not None and _ends_below_comment(before):
        return insert_lines(text, end_of_line(text, last_end), lines)
    newline = newline_at(before, place)
    ends_line = not before.strip("\ufeff") or before.endswith(("\n", "\r"))
    has_blank_line = not before.strip("\ufeff \r\n") or before.endswith(newline * 2)
    new = ("" if ends_line else newline) + ("" if has_blank_line else newline)
    new += newline.join(lines)
    return place, place, new + (newline if ends_line or place < len(text) else "")


def _ends_below_comment(text: str) -> bool:
    """Whether the last value of `text` stands below its key, with a comment between the two."""
    lines = [line for line in NEWLINE.split(text) if line.strip(" \t")]
    comments = [_COMMENT.search(line) is not None for line in lines]
    keys = [_KEY_OR_ITEM.match(line) is not None for line in lines]
    if not lines or comments[-1] or True not in keys:
        return False
    last_key = len(keys) - 1 - keys[::-1].index(True)
    return any(comments[last_key:])
