"""The PIN, or the address with a code, that a person typed. Pure."""
from __future__ import annotations

import re

from trakt_config.document.layout import Entry
from trakt_config.document.values import (
    check_characters,
    error_at,
    is_unfilled,
    refuse_key_twice,
    text_of,
)
from trakt_config.errors import command
from trakt_config.tokens import Secret

_UNFILLED_PIN = re.compile(r"[<>{}$\"'`]|\s")


def read_pin(value: Entry | None) -> Secret | None:
    """The authorization code; None where nobody has typed one."""
    text = text_of(value)
    if value is not None:
        refuse_key_twice(value, "pin")
    if value is None or value.foreign or not text or _UNFILLED_PIN.search(text) \
            or is_unfilled(text):
        return None
    if "?" in text or "://" in text:
        text = _code_in(value, text)
    check_characters(value, "trakt.pin", text)
    return Secret(text)


def _code_in(value: Entry, address: str) -> str:
    """The ``code`` of the address that Trakt redirected to (RFC 6749, section 4.1.2)."""
    from urllib.parse import parse_qs, urlsplit  # slow to import, and seldom needed
    codes: list[str] = []
    try:
        codes = parse_qs(urlsplit(address).query).get("code", [])
    except ValueError:
        pass
    if not codes:
        raise error_at(value, "trakt.pin is an address without a code",
                       f"Delete the address, and sign in: {command('login')}")
    return codes[0]


def why_no_pin(value: Entry) -> str:
    """What a pin is that is none; empty where nobody has typed one."""
    if value.commented_out:
        return "is only a comment: what is after # is not read"
    if value.blank:
        return ""
    if not value.scalar:
        return f"is a {value.kind} and not a PIN"
    if value.foreign:
        return "has a tag (!), which another program fills in"
    character = _UNFILLED_PIN.search(value.text)
    if character is None or is_unfilled(value.text):
        return "is the text of a template and not a PIN"
    what = "a space" if character[0].isspace() else "a quote" if character[0] in "\"'" \
        else "a backtick" if character[0] == "`" else f"the character {character[0]}"
    return f"has {what}, and so is not a PIN"
