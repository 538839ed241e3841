"""What stands in the place of an id, a secret or a token, and is not what Trakt gave. Pure."""
from __future__ import annotations

import re

from trakt_config.document.keys import without_case
from trakt_config.document.layout import Entry
from trakt_config.document.lines import mistake
from trakt_config.errors import ConfigError
from trakt_config.tokens import is_token

TOKENS = ("access_token", "refresh_token")

_TYPOGRAPHIC_QUOTES = "\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb"
_NOT_PRINTABLE = re.compile(r"[^ -~]")
_NOT_PRINTABLE_ASCII = re.compile(r"[^!-~]")
_OTHER_COMMENT = re.compile(r"[ ]+(//|--|;|/\*|<!--)")
#: What programs show in the place of a secret, and what stands for what was left out.
_MASK = re.compile(r"\*{3}|\.{3}|\[?redacted\]?\Z", re.IGNORECASE)
_NAMES_OF_TOKENS = frozenset({"token", "accesstoken", "refreshtoken", "bearer", "none"})


def what_is_around(text: str) -> str:
    """What was copied along with a value; empty where nothing was."""
    if len(text) < 3:
        return ""
    first, last = text[0], text[-1]
    if last in ",;":
        return f"ends with a {'comma' if last == ',' else 'semicolon'}"
    if first in "\"'" or last in "\"'":
        return "has a quote that is part of it"
    if "`" in (first, last):
        return "has a backtick that is part of it"
    if first == "<" and last == ">" and not text.startswith("<<"):
        return "has < and > that are part of it"
    return ""


def looks_like_none(text: str) -> str:
    """Why a token that is read all the same was hardly given by Trakt; empty where it may be."""
    if not is_token(text):
        return ""
    if " " in text:
        return "has a space in it"
    stands_in = _MASK.search(text) or without_case(text) in _NAMES_OF_TOKENS or is_unfilled(text)
    return what_is_around(text) or (
        "is what a template or a mask has in its place" if stands_in else "")


def why_no_token(key: str, text: str) -> str:
    """Why a value of the authorization is read as empty; empty where it is not."""
    if _NOT_PRINTABLE.search(text):
        return "it has to be a value in printable ASCII, as Trakt gave it"
    if key not in TOKENS or not text or is_token(text):
        return ""
    what = "begins with the word Bearer" if text[:1] in "bB" else "is a mask"
    return f"it {what}; write what Trakt gave, and nothing else"


def is_unfilled(text: str) -> bool:
    """Whether it is what a template has there; what Trakt makes up has digits, and no dots."""
    if text.endswith("..."):
        return True
    if any(map(str.isdigit, text)):
        return False
    from trakt_config.document import templates  # seldom needed
    return templates.is_unfilled(text)


def text_of(value: Entry | None) -> str:
    return "" if value is None or value.blank or not value.scalar else value.text


def not_printable(text: str) -> str:
    """That there is a character that no id and no secret has; empty where there is none."""
    found = _NOT_PRINTABLE_ASCII.search(text)
    what = "a space in it" if found and found[0].isspace() else "a character that is no ASCII"
    return f"has {what}" if found else ""


def check_characters(value: Entry, name: str, text: str) -> None:
    found = _NOT_PRINTABLE_ASCII.search(text)
    if found:
        what = "a space" if found[0].isspace() else "not printable ASCII"
        hint = "Copy the value again, without spaces and invisible characters."
        if text.startswith("="):
            hint = "Delete the equals sign and the space after it."
        elif found[0] == " " and text.startswith("<<"):
            hint = "Write the name of the placeholder without a space in it."
        elif found[0] == " " and "#" in text[:found.start()]:
            hint = "If a comment begins at the #, write a space before it."
        elif comment := _OTHER_COMMENT.match(text, found.start()):
            hint = f"If a comment begins at the {comment[1]}, write # in its place."
        elif found[0] in _TYPOGRAPHIC_QUOTES:
            what, hint = "a typographic quote", "Write the value without it."
        raise error_at(value, f"{name}: character {found.start() + 1} is {what} "
                              f"(U+{ord(found[0]):04X})", hint)


def refuse_key_twice(value: Entry, key: str) -> None:
    if value.text.startswith(key) and value.text[len(key):].lstrip().startswith(":"):
        from trakt_config.document.typos import key_twice  # for an error alone
        raise key_twice(key, value.line, value.column)


def error_at(value: Entry, message: str, hint: str) -> ConfigError:
    return mistake(message, hint, value.line, value.column)
