"""What stands where a mapping belongs, and what was meant."""
from __future__ import annotations

import re
from itertools import takewhile
from typing import Any

from ruamel.yaml.events import ScalarEvent, SequenceStartEvent

from trakt_config.document.lines import (
    NEWLINE,
    has_code,
    indentation,
    line_at,
    mistake,
    of_another_program,
    position,
)
from trakt_config.document.typos import (
    conflict,
    no_colon,
    other_comment,
    other_space,
    same_key_twice,
    without_colon,
)
from trakt_config.errors import ConfigError

#: In a file that is a list: the item that was meant to be the trakt block.
_TRAKT_AS_ITEM = r"""(?m)(?:^(?:[ ]*-[ ]+|[ ]{2})|[\[{]\s*)["']?trakt["']?[ ]*:"""

#: A word alone on a line, or with an address behind it, and a `key:` on some line.
_WORD = re.compile(r"[ ]*[\w.-]+[ ]*$")
_ADDRESS = re.compile(r"[ ]*[\w.-]+[ ]+\w+://\S+[ ]*$")
_KEY = re.compile(r"(?m)^[ ]*[\w.-]+:(?=[ \r\n]|\Z)")

#: For YAML, braces that are open from there on.
_COMMENT_OF_TEMPLATE = re.compile(r"(?m)^[ ]*(\{#)")

_RIGHT_FILE = ("A config has `key: value` lines at its outermost level: is this the right file?")


def not_a_mapping(text: str, name: str, event: Any) -> ConfigError:
    """The error for `trakt`, `authorization` or the whole file (an empty `name`) that is none."""
    mark = event.start_mark
    line, column = mark.line + 1, mark.column + 1
    space = other_space(text, line)
    if space is not None:
        return space
    comment = _COMMENT_OF_TEMPLATE.search(text, 0, mark.index)
    if comment is not None:
        return of_another_program("this", *position(text, comment.start(1)))
    if isinstance(event, ScalarEvent) and event.style is None:
        found = conflict(text) or same_key_twice(text, line) or without_colon(text, line)
        if found is None and name:
            found = other_comment(text, line)
        if found is None and not name and _KEY.search(text, mark.index):
            found = _line_before_keys(text, line, column)
        if found is not None and column == found.column:
            return found
    if isinstance(event, SequenceStartEvent):
        return _list(text, name, event)
    if name and getattr(event, "style", None) in ("|", ">"):
        return mistake(f"{name} is a text and not a mapping", "Delete the | or > after its colon.",
                       line, column)
    if name and getattr(event, "style", None) and "{" in event.value:
        return mistake(f"{name} is a text and not a mapping", "Delete the quotes around it.",
                       line, column)
    if name:
        return mistake(f"{name} is not a mapping", "Put its keys on lines of their own below it, "
                       "indented with spaces.", line, column)
    return mistake("the file is not a mapping", _RIGHT_FILE, line, column)


def _line_before_keys(text: str, line: int, column: int) -> ConfigError | None:
    """The first line of a file that has keys further down."""
    first = line_at(text, line)
    below = next(filter(has_code, NEWLINE.split(text)[line:]), "")
    if _ADDRESS.match(first) or _WORD.match(first) and indentation(below) >= column:
        return no_colon(line, column)
    if indentation(below) < column:
        return mistake("this line is neither a key nor a comment",
                       "Delete it, or write # and a space before it.", line, column)
    return None


def _list(text: str, name: str, event: Any) -> ConfigError:
    """The keys of a mapping were written as the items of a list."""
    line, column = event.start_mark.line + 1, event.start_mark.column + 1
    what = f"{name or 'the file'} is a list and not a mapping"
    if not name and not re.search(_TRAKT_AS_ITEM, text):
        return mistake(what, _RIGHT_FILE, line, column)
    if not event.flow_style:
        return mistake(f"{what}: a dash (-) is before this key", _without_dash(text, line, column),
                       line, column)
    hint = "Delete the brackets [ ]." if re.match(r"\[\s*\{", text[event.start_mark.index:]) \
        else "Write braces { } in place of the brackets [ ]."
    return mistake(f"{what}: its keys are in brackets", hint, line, column)


def _without_dash(text: str, line: int, column: int) -> str:
    """How a dash is taken away so that the keys keep the indentation that they need."""
    lines = NEWLINE.split(text)
    above = next(filter(has_code, reversed(lines[:line - 1])), "")
    keys = column + indentation(lines[line - 1][column:])
    item = takewhile(lambda below: indentation(below) >= keys, filter(has_code, lines[line:]))
    has_key_beside = any(indentation(below) == keys and below[keys] != "-" for below in item)
    if has_key_beside or (above and indentation(above) >= column - 1):
        return "Write a space in place of the dash, and of the others like it."
    return "Delete the dash and the space after it, and the others like it."
