"""What a person typed that does nothing as it stands, or was copied along. Pure."""
from __future__ import annotations

import re
from collections.abc import Iterator

from trakt_config.document.document import Document
from trakt_config.document.misplaced import (
    ON_AND_OFF,
    SettingWarning,
    from_the_top,
    keys_beside,
    misspelt_keys,
)
from trakt_config.document.values import TOKENS, looks_like_none, what_is_around, why_no_token
from trakt_config.tokens import AUTHORIZATION_KEYS, LARGEST_NUMBERS, number_of

_NUMBERS = {
    "expires_in": "the seconds that the access token lives, as a number such as 604800",
    "created_at": "seconds since 1970, as a number of ten digits",
}

_ONLY_COMMENT = "is only a comment: what is after # is not read"

#: No `####` of a template.
_PIN_AS_COMMENT = re.compile(r"[ ]*:[ ]*#(?=[A-Za-z]*[0-9])[0-9A-Za-z]+[ ]*(?:[\r\n]|\Z)")

#: Any address, one with a scheme of an app's own, and what is filled in from elsewhere.
_URI = re.compile(r"urn:|[A-Za-z][\w+.-]*:/|.*(?:<<|\$|\{\{|%)")

_OF_ANOTHER_PROGRAM = ("another program fills it in; run trakt-config after that, on the file that "
                       "it writes")

#: Letters and digits with spaces between them, and a digit at least: no words of a template.
_SPACED_PIN = re.compile(r"(?=[^0-9]*[0-9])[0-9A-Za-z]+(?:\s+[0-9A-Za-z]+)+")


def warnings_about(document: Document) -> tuple[SettingWarning, ...]:
    """What does nothing in a file whose trakt block can be used."""
    return tuple(from_the_top(_warnings(document)))


def _warnings(document: Document) -> Iterator[SettingWarning]:
    trakt = document.trakt or {}
    value = trakt.get("force_refresh")
    if value is not None and not value.blank and value.text not in ON_AND_OFF:
        yield SettingWarning("trakt.force_refresh does nothing as it is: write true, or false",
                             value.line, value.column)
    value = trakt.get("pin")
    if value is not None and value.in_braces:
        yield SettingWarning(f"trakt.pin does nothing as it is: {_OF_ANOTHER_PROGRAM}", value.line,
                             value.column)
    elif value is not None and not value.scalar:
        yield SettingWarning("trakt.pin does nothing as it is: write the PIN alone, without "
                             "brackets, braces or a dash", value.line, value.column)
    elif value is not None and set(value.text) & {'"', "'", "`"}:
        marks = "quotes" if set(value.text) & {'"', "'"} else "backticks"
        yield SettingWarning(f"trakt.pin does nothing as it is: write the PIN without the {marks} "
                             "that are part of it", value.line, value.column)
    elif value is not None and _SPACED_PIN.fullmatch(value.text):
        yield SettingWarning("trakt.pin does nothing as it is: write the PIN without the space "
                             "in it", value.line, value.column)
    value = trakt.get("redirect_uri")
    if value is not None and value.text and not _URI.match(value.text):
        yield SettingWarning("trakt.redirect_uri does not begin with http:// or https://, as an "
                             "address does: write it as the Trakt app has it", value.line,
                             value.column)
    for key in ("client_secret", "redirect_uri", "pin", "force_refresh"):
        value = trakt.get(key)
        if value is not None and value.commented_out and (
                key != "pin" or _PIN_AS_COMMENT.match(document._text, value.key_end)):
            yield SettingWarning(f"trakt.{key} {_ONLY_COMMENT}", value.line, value.column)
    yield from _copied_along(document)
    yield from _unread_tokens(document)
    yield from misspelt_keys(document)
    yield from keys_beside(document)
    for stray in document.strays:
        if stray.is_trakt:
            yield SettingWarning("this key does nothing: the block that is read is trakt",
                                 stray.line, stray.column)


def _copied_along(document: Document) -> Iterator[SettingWarning]:
    """Values that hold more than what Trakt gave, and are sent as they are."""
    for home, block, keys, what_is_wrong in (
            ("trakt", document.trakt or {}, ("client_id", "client_secret"), what_is_around),
            ("trakt.authorization", document.authorization, TOKENS, looks_like_none)):
        for key in keys:
            value = block.get(key)
            what = what_is_wrong(value.text) if value and value.scalar else ""
            if value and what:
                yield SettingWarning(f"{home}.{key} {what}: delete what Trakt did not give",
                                     value.line, value.column)


def _unread_tokens(document: Document) -> Iterator[SettingWarning]:
    """What stands in the authorization and counts as nothing, since it cannot be meant."""
    for key in AUTHORIZATION_KEYS:
        value = document.authorization.get(key)
        if value is not None and value.commented_out:
            yield SettingWarning(f"trakt.authorization.{key} {_ONLY_COMMENT}", value.line,
                                 value.column, key)
        if value is None or value.blank:
            continue
        expected = ""
        if not value.scalar:
            expected = "a single value, not a list or a mapping"
        elif key in LARGEST_NUMBERS and number_of(key, value.text) is None:
            expected = _NUMBERS[key]
        why = f"it has to be {expected}" if expected else why_no_token(key, value.text)
        if value.in_braces:
            why = _OF_ANOTHER_PROGRAM
        if why:
            yield SettingWarning(f"trakt.authorization.{key} does nothing as it is: {why}",
                                 value.line, value.column, key)
