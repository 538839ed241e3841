"""Where keys and values end in the text, where ruamel.yaml's marks cannot be trusted with it.

The mark of an empty value and that of a colon are at the next token, however far that is; the mark
of a block scalar is behind the blank lines that follow it.
"""
from __future__ import annotations

import re
from typing import Any

from trakt_config.document.lines import NEWLINE

#: Spaces, line breaks and comments as ruamel.yaml knows them: for it NEL, LS and PS end a line.
_GAP = re.compile("(?:[ \t\r\n\x85\u2028\u2029]|#[^\r\n\x85\u2028\u2029]*)*")

#: The indicators of a block scalar (YAML 1.2, section 8.1.1).
BLOCK_HEADER = re.compile(r"[|>][-+0-9]*")

#: What may follow the content of a block scalar: for ruamel.yaml, empty lines.
BLANKS_BEHIND = " \r\n\x85\u2028\u2029"

_LAST_NEWLINE = re.compile(r"(?:\r\n|\n|\r)\Z")


def skip_gap(text: str, position: int) -> int:
    """Where the next character stands that is neither blank nor comment; may be the end."""
    match = _GAP.match(text, position)
    return match.end() if match else position


def colon_behind(text: str, start: int, *, flow: bool, column: int) -> int | None:
    """Where the `:` of the key that ends at `start` stands; None for a key without one.

    :param column: that of the keys, at which an explicit key has its colon on a line of its own.
    """
    found = skip_gap(text, start)
    if text[found:found + 1] != ":":
        return None
    breaks = [match.end() for match in NEWLINE.finditer(text, start, found)]
    if flow or not breaks or found - breaks[-1] == column:
        return found
    return None


def behind_colon(text: str, colon: int) -> int:
    """Where an empty value would be written. One space belongs to the colon: flow style would
    read `{a:, b: 1}` as a key `a:`.
    """
    return colon + 1 + text.startswith(" ", colon + 1)


def end_of_empty_key(text: str, event: Any) -> int:
    """In flow style the mark of an empty key is after the colon."""
    mark = int(event.start_mark.index)
    return mark - text.startswith(":", mark - 1)


def end_of(text: str, event: Any) -> int:
    """Where a node ends that takes room. The mark of a block scalar takes in the blank lines
    behind it; they are content only after `|+`.
    """
    start, end = int(event.start_mark.index), int(event.end_mark.index)
    if getattr(event, "style", None) not in ("|", ">"):
        return end
    content = text[start:end]
    header = BLOCK_HEADER.search(content)
    if header is not None and "+" in header.group():
        newline = _LAST_NEWLINE.search(content)
        return end - (len(newline.group()) if newline else 0)
    return start + len(content.rstrip(BLANKS_BEHIND))
