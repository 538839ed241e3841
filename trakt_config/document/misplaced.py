"""Keys that nobody reads: misspelt, on a wrong level, commented out; and what was meant. Pure."""
from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from trakt_config.document.document import Document, require_document
from trakt_config.document.keys import SETTING_KEYS, how_to_write, is_end, key_elsewhere, key_meant
from trakt_config.document.layout import Entry, Stray
from trakt_config.document.lines import NEWLINE, has_code, mistake, position
from trakt_config.errors import ConfigError, command
from trakt_config.tokens import AUTHORIZATION_KEYS, number_of

ON_AND_OFF = ("true", "True", "TRUE", "false", "False", "FALSE")

#: Tokens within a mapping, on whatever level.
_TOKENS_WITHIN = re.compile(r"""(?:access|refresh)_token["']?[ ]*:""")

#: A key `trakt` that stands within another one, in block or in flow style.
_NESTED = re.compile(r"""(?m)(?:^[ \t]+(?:- )?|[{,][ \t]*)["']?(trakt)["']?[ ]*:(?=[ \r\n]|\Z)""")

#: What follows it where it has a key of ours first, and was meant to be our block.
_OURS = re.compile(r"""[^:]*[\s{"'](?:client_id|client_secret|redirect_uri|pin)["']?[ ]*:""")


class SettingWarning(NamedTuple):
    """One sentence about something that does nothing, and where it stands, from 1.

    ``key`` is the one of ours that was meant, where another is there, and ``hint`` what to do.
    """

    message: str
    line: int
    column: int
    key: str = ""
    hint: str = ""


def from_the_top(warnings: Iterable[SettingWarning]) -> list[SettingWarning]:
    return sorted(warnings, key=lambda warning: (warning.line, warning.column))


def keys_beside(document: Document) -> Iterator[SettingWarning]:
    """Keys of the root that were meant to be one of the block, which is not set."""
    for stray in document.strays:
        if not stray.is_trakt and not _has(document.trakt or {}, stray.key, document) \
                and not _is_set(document.authorization.get(stray.key)):
            way, hint = _way_into_block(document, stray)
            yield SettingWarning(f"{_beside(stray)}, and does nothing: {way}", stray.line,
                                 stray.column, stray.key, hint)


def _way_into_block(document: Document, stray: Stray) -> tuple[str, str]:
    """What to do with a key beside the block, as a clause and as a sentence."""
    if stray.key in AUTHORIZATION_KEYS:
        others = "it, and the others like it"
        if "authorization" not in (document.trakt or {}):
            return ("its place is authorization, in the block",
                    "Write a line `authorization:` at the end of the trakt block, and move "
                    f"{others}, below that, indented deeper.")
        way = f"Indent {others}, deeper than `authorization:`." \
            if _follows(document, stray) and list(document.trakt or {})[-1] == "authorization" \
            else f"Move {others}, below `authorization:`, indented deeper than that."
        return "its place is authorization, in the block", way
    below = ", and what is below it as well" if stray.key == "authorization" else ""
    if _follows(document, stray):
        return ("indent it like the keys of the block", f"Indent it like the keys of trakt{below}.")
    return ("move it into the block",
            f"Move it into the trakt block{below}, indented like the keys there.")


def _follows(document: Document, stray: Stray) -> bool:
    """Whether it would belong to the block if it were indented: no other key is in between."""
    root, start = document._layout.root, document.trakt_line or 0
    strays = {each.line for each in document.strays}
    between = enumerate(NEWLINE.split(document._text)[start:stray.line - 1], start + 1)
    return root is not None and not root.flow and start < stray.line and all(
        number in strays or not has_code(line) or line.startswith(" ") for number, line in between)


def unread_keys(document: Document) -> list[SettingWarning]:
    """Keys that were meant to be one of the block, which is not set: a sign-in is refused, since
    what it writes would hide them.
    """
    require_document(document)
    if not document.has_trakt:
        return []
    return from_the_top((*misspelt_keys(document), *keys_beside(document)))


def refuse_unread_keys(document: Document, *, copied: bool = False) -> None:
    """Name the first of :func:`unread_keys`.

    :param copied: only one that a copy would have from elsewhere, not to stop a job for the others.
    :raises ConfigError: there is one, with line and column.
    """
    for found in unread_keys(document):
        is_token = found.key in ("authorization", *AUTHORIZATION_KEYS)
        if copied and not is_token and found.key != "client_id":
            continue
        what, why = ("", "is copied") if copied else (", to sign in anew", "a sign-in writes")
        anew = f" Or delete it{what}: what {why} would hide it." if is_token else ""
        raise mistake(found.message, found.hint + anew, found.line, found.column)


def _beside(stray: Stray) -> str:
    return f"{stray.key} is beside trakt, not in it"


def refuse_strays(document: Document) -> None:
    """There is no trakt block, or nothing in it: name the key that was meant to be it.

    :raises ConfigError: with line and column.
    """
    keys = {stray.key for stray in document.strays}
    for stray in document.strays:
        if stray.key == "client_id" and "client_secret" in keys and "trakt" not in keys \
                and not document.has_trakt:
            raise mistake("there is no trakt block: is client_id meant to be in it?",
                          "Write a line `trakt:` above it, at the beginning of the line, and "
                          "indent the keys of the block deeper than that.", stray.line,
                          stray.column)
        if stray.is_trakt and not document.has_trakt:
            raise mistake("there is no trakt block: is this key meant?", stray.hint, stray.line,
                          stray.column)
        if not stray.is_trakt and document.has_trakt:
            raise mistake(_beside(stray), f"Indent it with two spaces: `  {stray.key}:`.",
                          stray.line, stray.column)


def refuse_nested(document: Document, *, only_ours: bool = False) -> None:
    """There is no trakt block: name a key of that name which stands too deep.

    :param only_ours: only one that begins with a key of ours: others may have a key `trakt`.
    :raises ConfigError: with line and column.
    """
    found = _NESTED.search(document._text)
    if found is not None and (not only_ours or _OURS.match(document._text, found.end())):
        raise mistake("there is no trakt block: is this key meant, which stands within another "
                      "one?", "Move it, and its keys with it, to the outermost level of the file.",
                      *position(document._text, found.start(1)))


def refuse_commented_out(document: Document, key: str) -> None:
    """`key` is missing: name a comment that was it.

    :raises ConfigError: with line and column.
    """
    layout = document._layout
    start = layout.entry.key_end if layout.entry else 0
    ends = r"[ ]*$" if key == "trakt" else r"(?=[ \r\n]|\Z)"  # No sentence about trakt.
    found = re.compile(rf"""(?m)^[ ]*(#)[# ]*["']?{key}["']?[ ]*:{ends}""").search(
        document._text, start, layout.following or len(document._text))
    if found is not None:
        anew = "." if unread_keys(document) else f", or have a new one written: {command('login')}"
        raise mistake(f"{key} is commented out, and so is not read",
                      f"Delete the # before it and before what belongs to it{anew}",
                      *position(document._text, found.start(1)))


def commented_out(document: Document) -> SettingWarning | None:
    """The trakt block or its client_id, where a comment was it."""
    require_document(document)
    value = (document.trakt or {}).get("client_id")
    if value is not None:
        return SettingWarning("trakt.client_id is only a comment: what is after # is not read",
                              value.line, value.column) if value.commented_out else None
    try:
        refuse_commented_out(document, "client_id" if document.has_trakt else "trakt")
    except ConfigError as error:
        return SettingWarning(error.message, error.line or 1, error.column or 1)
    return None


def client_id_meant(document: Document) -> Entry | None:
    """The value of an unknown key that was probably meant to be client_id."""
    return next((value for name, value in (document.trakt or {}).items()
                 if name not in SETTING_KEYS and _meant(name, value, SETTING_KEYS) == "client_id"),
                None)


def misspelt_keys(document: Document) -> Iterator[SettingWarning]:
    """Those that were meant to be a key of the block that is not set."""
    for warning, key, block in _unknown_keys(document):
        if key is not None and not _has(block, key, document):
            yield warning


def other_keys(document: Document) -> Iterator[SettingWarning]:
    """All others. Not what they are: in ``{pin:1234}`` the whole is a key."""
    require_document(document)
    return (warning for warning, key, block in _unknown_keys(document)
            if key is None or _has(block, key, document))


def _has(block: Mapping[str, Entry], key: str, document: Document) -> bool:
    """Whether `key` is set in the block; an authorization of empty values is not."""
    if key == "authorization":
        return any(_is_set(document.authorization.get(name)) for name in AUTHORIZATION_KEYS)
    return _is_set(block.get(key))


def _unknown_keys(document: Document) -> Iterator[
        tuple[SettingWarning, str | None, Mapping[str, Entry]]]:
    """Each with the key that was meant, and the block that this belongs to."""
    trakt = document.trakt or {}
    blocks: tuple[tuple[str, Mapping[str, Entry], Collection[str]], ...] = (
        ("trakt", trakt, SETTING_KEYS),
        ("trakt.authorization", document.authorization, AUTHORIZATION_KEYS))
    for (name, block, known), (other, others, theirs) in zip(blocks, blocks[::-1]):
        for key, value in block.items():
            if key in known:
                continue
            home, found = block, _meant(key, value, known)
            misplaced = None if found else key_elsewhere(key, theirs)
            if misplaced:
                home, found = others, misplaced
            message, hint = _advice(key, value, found, misplaced and other), ""
            if found and not misplaced and _has(home, found, document):
                message = f"{found} is there as well: delete this one if that was meant"
            if block is document.authorization and _has_tokens_within(document, value):
                home, found = trakt, "authorization"
                message = "the tokens below it belong in its place"
                hint = "Delete its line: what is below it belongs to authorization itself."
            elif found:
                hint = _how_to_move(document, key, block) if misplaced \
                    else how_to_write(key, found)
                hint += without_empty(home, found) if not _has(home, found, document) else ""
            yield SettingWarning(f"{name} has a key that is not read here; {message}",
                                 value.key_line, value.key_column, found or "", hint), found, home


def _has_tokens_within(document: Document, value: Entry) -> bool:
    return not value.scalar and bool(_TOKENS_WITHIN.search(document._text, value.start, value.end))


def without_empty(home: Mapping[str, Entry], key: str) -> str:
    """More advice, where the key that was meant is there as well, with nothing in it."""
    empty = home.get(key)
    if empty is None:
        return ""
    below = "" if empty.scalar else ", and what is below it"
    return f" Delete the empty one in line {empty.key_line}{below}."


def _how_to_move(document: Document, key: str, block: Mapping[str, Entry]) -> str:
    """The way of a key of `block` to the other one of the two blocks."""
    trakt = document.trakt or {}
    if block is not trakt:
        return "Indent it like `authorization:`, and move it above or below that block."
    keys, layout = list(trakt), document._layout.trakt
    if layout is not None and layout.flow:
        return "Put it, and the others like it, into braces behind `authorization:`."
    if "authorization" not in keys:
        return ("Write a line `authorization:` above it, and indent it, and the others like it, "
                "deeper than that.")
    between = keys[keys.index("authorization") + 1:keys.index(key)]
    if trakt["authorization"].empty and keys.index("authorization") < keys.index(key) \
            and all(key_elsewhere(each, AUTHORIZATION_KEYS) for each in between):
        return "Indent it, and the others like it, deeper than `authorization:`."
    return "Move it, and the others like it, below `authorization:`, indented deeper than that."


def _advice(key: str, value: Entry, found: str | None, misplaced: str | None) -> str:
    if found:
        return f"{found} belongs in {misplaced}" if misplaced else f"is {found} meant?"
    if is_end(key):
        return "when the access token ends is taken from created_at and expires_in"
    return "it is left as it is"


def _meant(key: str, value: Entry, known: Collection[str]) -> str | None:
    """The key of a block's own that is meant by another one in it."""
    if "force_refresh" in known and key.lower() == "refresh" and value.text in ON_AND_OFF:
        return "force_refresh"
    if "authorization" in known and key.lower() == "token" and not value.scalar:
        return "authorization"
    if "expires_in" in known and is_end(key):
        return "expires_in" if number_of("expires_in", value.text) else None
    found = key_meant(key, known)
    is_word = found == "authorization" and value.scalar and not value.blank
    return None if is_word and "author" not in key.lower() else found  # `auth: device` is no block.


def _is_set(value: Entry | None) -> bool:
    return value is not None and not value.blank
