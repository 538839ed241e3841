"""What a person got wrong in one line of a config, where the line itself shows it."""
from __future__ import annotations

import re
from typing import Any

from trakt_config.document.keys import KNOWN_KEYS
from trakt_config.document.lines import (
    NEWLINE,
    has_code,
    indentation,
    line_at,
    mistake,
    mistake_at,
    position,
    start_of_line,
)
from trakt_config.errors import ConfigError

_CONFLICT = re.compile(r"(?m)^(<{7}|={7}|>{7}|\|{7})(?=[ \r\n]|\Z)")

#: A line that should be `key: value`: its indentation, its first word, what stands behind that.
_LINE = re.compile(r"([ ]*)([\"']?[\w.-]+[\"']?)([^\r\n]*)")

#: A key whose value begins with the same key.
_TWICE = re.compile(r"(?:^|[{,])[ ]*[\"']?([\w.-]+)[\"']?[ ]*:[ ]+([\"']?)\1\2[ ]*:")

#: A space of another kind, as pages have it, where the indentation or a value begins.
_OTHER_SPACE = re.compile(
    "[ ]*(?:[\"']?[\\w.-]+[\"']?:)?[ ]*([\u00a0\u2000-\u200b\u202f\u205f\u3000])")

#: How comments begin in other languages, and where: a line of its own, behind a key, or in JSON.
_COMMENT = r"(//|/\*|\*/|<!--|--(?!-)|-{4,}|;|(?i:rem)(?=[ ]|$))"
_BEFORE_COMMENT = re.compile(rf"(?:[ ]*|[ ]*[\w.-]+:[ ]+(?=\S+[ ])|.*[,{{\[][ ]*(?=/)){_COMMENT}")

_DASH = re.compile(r"([ ]*)-[^ \t\r\n-]")

#: Full-width, small and other colons, and a semicolon.
_LIKE_COLON = "\uff1a\ufe55\ufe13\u2236\ua789\u02d0;"

_OUR_KEYS = "|".join(sorted(KNOWN_KEYS))

#: A key of ours at the end, or a word that ends like one; the longest of them is found.
_AT_END = re.compile(rf"({_OUR_KEYS})[ ]*$")

#: A key of ours with its colon.
_WITH_COLON = re.compile(rf"({_OUR_KEYS})[ ]*:(?=[ \r\n]|\Z)")

#: Keys that longer words end with, and what these have before that.
_ENDS_OF_WORDS = ("pin", "scope")
_OF_A_WORD = re.compile(r"[A-Za-z_.-]\Z")

#: A key of ours with a value behind it, and a line that may be a part of one: with a digit in it.
_WITH_VALUE = re.compile(
    rf"""[ ]*["']?(?!(?:trakt|authorization)\b)({_OUR_KEYS})["']?[ ]*:[ ]+[^\s#]""")
_PART = re.compile(r"[ ]*(?=[^0-9]*[0-9])[0-9A-Za-z_.~+/=-]+[ ]*")

_PASTE = "Write a colon and a space after it: `{}: VALUE`."


def conflict(text: str) -> ConfigError | None:
    return mistake_at(_CONFLICT, text,
                      "a conflict marker: two versions of the file were not merged",
                      "Keep one version, and delete the lines with <<<<<<<, ======= and >>>>>>>.")


def other_space(text: str, line: int) -> ConfigError | None:
    """A space that is none to YAML, on the line or on the one above it."""
    for number in (line, line - 1):
        found = _OTHER_SPACE.match(line_at(text, number)) if number else None
        if found is not None:
            return mistake(f"a special space (U+{ord(found[1]):04X}) where YAML wants a plain one",
                           "Delete it, and type a space in its place.", number,
                           found.start(1) + 1)
    return None


def other_comment(text: str, line: int) -> ConfigError | None:
    """A comment as other languages have it, on the line or on one above that it is read with."""
    here = line_at(text, line)
    for number in (line, line - 1):
        above = line_at(text, number) if number else ""
        found = _BEFORE_COMMENT.match(above) if indentation(above) <= indentation(here) else None
        if found is not None:
            return _no_comment(found[1], number, found.start(1) + 1)
    return None


def comment_behind(text: str, place: int) -> ConfigError | None:
    """Such a comment there, behind a value in quotes."""
    found = re.compile(_COMMENT).match(text, place)
    return _no_comment(found[1], *position(text, place)) if found else None


def _no_comment(begin: str, line: int, column: int) -> ConfigError:
    hint = "Write # in its place." if begin not in ("/*", "*/", "<!--") \
        else "Write # before it, and before each line that belongs to it."
    return mistake(f"not valid YAML: {begin} begins no comment", hint, line, column)


def same_key_twice(text: str, line: int) -> ConfigError | None:
    found = _TWICE.search(line_at(text, line))
    if found is None or found[1] not in KNOWN_KEYS:
        return None
    return key_twice(found[1], line, found.start(2) + 1)


def key_twice(key: str, line: int, column: int) -> ConfigError:
    """The value begins with its own key: the whole line was pasted behind it."""
    value = "" if key in ("trakt", "authorization") else " VALUE"
    return mistake(f"the key {key} stands there twice", f"Take one away: `{key}:{value}`.", line,
                   column)


def without_colon(text: str, line: int) -> ConfigError | None:
    """The line as a key that lacks its colon, or the space behind it."""
    found = _LINE.match(line_at(text, line).lstrip("\ufeff"))
    if found is None:
        return None
    indentation, word, rest = found.groups()
    name, column = word.strip("\"'"), len(indentation) + 1
    shown = name if name in KNOWN_KEYS else "KEY"
    what = f"after {name}" if name in KNOWN_KEYS else "after the key"
    if rest.startswith(":") and rest[1:2].strip():
        return mistake(f"there is no space after the colon of {name}" if name in KNOWN_KEYS
                       else "there is no space after the colon of this key",
                       f"Write one: `{shown}: VALUE`.", line, column)
    if rest and rest[0] in _LIKE_COLON:
        is_block = name in ("trakt", "authorization") or not rest[1:].strip()
        return mistake(f"there is another character {what} where a colon belongs",
                       f"Write a colon in its place: `{shown}:`." if is_block else
                       f"Write a colon and a space in its place: `{shown}: VALUE`.", line, column)
    if name not in KNOWN_KEYS or rest.startswith((":", ",", "]", "}")):
        return None
    if name in ("trakt", "authorization"):
        return mistake(f"there is no colon {what}", f"Write one: `{name}:`.", line, column)
    if rest.lstrip().startswith("="):
        return mistake(f"there is an equals sign {what} where a colon belongs",
                       f"Write `{name}: VALUE`.", line, column)
    return mistake(f"there is no colon {what}", _PASTE.format(shown), line, column)


def no_colon(line: int, column: int) -> ConfigError:
    return mistake("there is no colon after this key", _PASTE.format("KEY"), line, column)


def without_space(text: str, line: int) -> ConfigError | None:
    """The line as a list item that lacks the space behind its dash."""
    found = _DASH.match(line_at(text, line))
    if found is None:
        return None
    return mistake("there is no space after the dash", "Write one: `- VALUE`.", line,
                   len(found[1]) + 1)


def key_after_value(before: str, line: int) -> ConfigError | None:
    """A key of ours at the end of what stands before an unexpected colon: a newline is missing."""
    found = _AT_END.search(before)
    above = before[:found.start()] if found else ""
    if found is None or ": " not in above or above.rstrip(" ").endswith(":"):
        return None
    first = _LINE.match(above)
    if found[1] in _ENDS_OF_WORDS and _OF_A_WORD.search(above) \
            and (first is None or first[2].strip("\"'") not in KNOWN_KEYS):
        return None
    return _on_another_line(found[1], line, found.start() + 1)


def key_behind(text: str, mark: Any) -> ConfigError | None:
    """A key of ours right behind the quote or bracket that ends a value: the same."""
    found = _WITH_COLON.match(text, mark.index)
    before = text[start_of_line(text, mark.index):mark.index].rstrip(" ")
    if found is None or before[-1:] not in ("'", '"', "]", "}"):
        return None
    return _on_another_line(found[1], mark.line + 1, mark.column + 1)


def _on_another_line(key: str, line: int, column: int) -> ConfigError:
    return mistake(f"not valid YAML: {key} is on the line of another key",
                   f"Begin a new line before {key}.", line, column)


def goes_on(text: str, line: int) -> ConfigError | None:
    """The line as the rest of a value of ours, which was wrapped."""
    *above, here = NEWLINE.split(text, line)[:line]
    if not _PART.fullmatch(here):
        return None
    first = next((each for each in reversed(above) if has_code(each) and not _PART.fullmatch(each)),
                 "")
    found = _WITH_VALUE.match(first)
    return found and mistake(f"the value of {found[1]} goes on here", "Write it on one line.", line,
                             indentation(here) + 1)
