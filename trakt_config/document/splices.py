"""Replace, empty and insert values in a YAML text without touching anything else. Pure.

What edits returns splices, ``(start, end, new text)`` in offsets of the old text; `spliced`
applies them all at once. Lines end only where editors see an end: ``\\r\\n``, ``\\n``, ``\\r``.
"""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Union

from trakt_config.document import quoting
from trakt_config.document.layout import Block, Entry
from trakt_config.document.lines import (
    NEWLINE,
    end_of_line,
    is_broken,
    newline_at,
    start_of_line,
)
from trakt_config.document.marks import BLANKS_BEHIND, BLOCK_HEADER, skip_gap

Splice = tuple[int, int, str]

#: New entries in order: text, None for an empty value, or the entries of a mapping.
Fields = Mapping[str, Union[str, None, "Fields"]]

#: The keys whose values are numbers or booleans.
BARE = frozenset({"expires_in", "created_at", "force_refresh"})

#: As ruamel.yaml reads them: an anchor may hold nearly anything, a colon too.
_TAG_OR_ANCHOR = re.compile(
    "![^ \t\r\n\x85\u2028\u2029]*|&[^\x00- \x7f-\x9f\ufeff,\\[\\]{}]*")
_ENDS_WITH_TAG = re.compile(r"(?:^|[,:?{\[]|\s&\S*)\s*!\S*\Z")
_KEY_ALONE = re.compile(r"[^#]*:[ \t]*")
_COMMENT_LINE = re.compile(r"( *)#")
_COMMENT = re.compile(" *(?:#[^\r\n\x85\u2028\u2029]*)?")


def spliced(text: str, splices: Sequence[Splice]) -> str:
    """`text` with the splices applied; those at one place in the order of the list."""
    pieces, done = [], 0
    for start, end, new in sorted(splices, key=lambda splice: splice[0]):
        pieces += [text[done:start], new]
        done = end
    return "".join(pieces) + text[done:]


def overlapping(splices: Sequence[Splice]) -> bool:
    """Whether two of them replace the same text."""
    ordered = sorted(splices, key=lambda splice: splice[0])
    return any(first[1] > second[0] for first, second in zip(ordered, ordered[1:]))


# -- one value -----------------------------------------------------------------------------------

def set_value(text: str, block: Block, entry: Entry, value: str | None) -> list[Splice]:
    """Write `value` where the value of `entry` stands; None empties it.

    Quotes stay as they were; a tag and an anchor go. Comments and blanks stay.
    """
    if value is None:
        return _replace(text, block, entry, "null" if block.flow else "")
    return _replace(text, block, entry, quoting.written(
        value, number=entry.key in BARE, style=entry.style, flow=block.flow,
        json=block.flow and entry.key_style == '"'))


def _replace(text: str, block: Block, entry: Entry, new: str) -> list[Splice]:
    if entry.colon is None:
        return _with_colon(text, block, entry, new)
    if entry.empty:
        return [(entry.end, entry.end, _spaced(text, entry.end, entry.end, new))] if new else []
    start, content, splices = _without_properties(text, entry, new)
    if new and not block.flow and _has_to_move(text, entry, entry.colon, start, new):
        place = entry.colon + 1
        return [(place, place, _spaced(text, place, place, new)),
                *_replace(text, block, entry, "")]
    if entry.style in ("|", ">"):
        return splices + _replace_block_scalar(text, entry, start, content, new)
    if not new:
        return splices + [_cut(text, start, entry.end)]
    return splices + [(start, entry.end, _spaced(text, start, entry.end, new))]


def _has_to_move(text: str, entry: Entry, colon: int, start: int, new: str) -> bool:
    """Whether `new` cannot stand on the line of the old value, so that it goes to its key's.

    A block list may be indented like its key, which no scalar may. And a comment, a plain scalar
    below it and a blank line below that are valid YAML, but ruamel.yaml's round-trip loader, so
    Kometa, fails on them: where the old value was not plain, or had a tag or an anchor, such a
    file must not come about. In flow style there is no such trap.
    """
    if not is_broken(text, colon, start):
        return False
    if not entry.scalar and not entry.event.flow_style:
        return True
    was_plain = (entry.scalar and entry.style is None
                 and entry.event.ctag is None and entry.event.anchor is None)
    return "#" in text[colon:start] and not was_plain and new[0] not in "'\""


def _with_colon(text: str, block: Block, entry: Entry, new: str) -> list[Splice]:
    """Give a key without a colon one: in block style (``? key``) on a line below it."""
    if block.flow:
        return [(entry.end, entry.end, _spaced(text, entry.end, entry.end, f": {new}"))]
    return [insert_lines(text, end_of_line(text, entry.end), [" " * block.column + f": {new}"])]


def _replace_block_scalar(text: str, entry: Entry, start: int, content: int,
                          new: str) -> list[Splice]:
    """The indicator becomes the value; its comment stays, and the blank lines behind the content.
    """
    header = BLOCK_HEADER.match(text, content)
    header_end = header.end() if header else content
    content_end = header_end + len(text[header_end:entry.end].rstrip(BLANKS_BEHIND))
    line_end = end_of_line(text, header_end)
    if not new and not text[header_end:line_end].strip(" \t"):
        return [_cut(text, start, content_end)]
    splices = [(start, header_end, new) if new else _cut(text, start, header_end)]
    if content_end > line_end:
        splices.append((line_end, end_of_line(text, content_end), ""))
    return splices


def _without_properties(text: str, entry: Entry, new: str) -> tuple[int, int, list[Splice]]:
    """Where to replace the value from, where its content begins, and the cuts before it.

    A tag or anchor on the line of the content is replaced with it; one that comments or a line
    break separate from the content is cut out by itself. Where nothing is left at the end of a
    text without a final newline, the line break goes too: it would be one.
    """
    is_last = not new and not text[entry.end:].strip(" \t")
    start = content = entry.start
    splices: list[Splice] = []
    while entry.event.ctag is not None or entry.event.anchor is not None:
        found = _TAG_OR_ANCHOR.match(text, content)
        if found is None or found.end() >= entry.end:
            break
        content = skip_gap(text, found.end())
        if text[found.end():content].strip(" \t\r\n" if is_last else " \t"):
            splices.append(_cut(text, start, found.end()))
            start = content
    return start, content, splices


def _cut(text: str, start: int, end: int) -> Splice:
    """Without what stands there, the blanks before it, and its whole line if that is empty then.

    A comment behind it moves up to the line of the key, and keeps its own below another comment
    or an empty line. Lines with different endings are not joined. At the end of a text without a
    final newline, empty lines above it go too: they would be one.
    """
    before, line_end = len(text[:start].rstrip(" \t")), end_of_line(text, end)
    if text[before - 1:before] not in ("\n", "\r"):
        return before, end, _spaced(text, before, end, "")
    above = before - (2 if text[before - 2:before] == "\r\n" else 1)
    if not text[end:].strip(" \t"):
        return end_of_line(text, len(text[:above].rstrip(" \t\r\n"))), line_end, ""
    if newline_at(text, end) != text[above:before]:
        # CR and LF on both sides of nothing would be one line ending.
        return start, end, " " if text[start - 1:start] + text[end:end + 1] == "\r\n" else ""
    if not text[end:line_end].strip(" \t"):
        return above, line_end, ""
    if _KEY_ALONE.fullmatch(text, start_of_line(text, above), above):
        return above, end, _spaced(text, above, end, "")
    return start, end, ""


def _spaced(text: str, start: int, end: int, new: str) -> str:
    """`new` with a blank towards a colon before it or a comment behind it."""
    before = " " if new and text[start - 1:start] == ":" and start == end else ""
    after = " " if text[end:end + 1] == "#" else ""
    return before + new + after


# -- new entries ---------------------------------------------------------------------------------

def insert(text: str, block: Block, after: Entry | None, fields: Fields,
           step: int) -> list[Splice]:
    """Add `fields` to `block`, behind the entry `after`, or behind the last one.

    :param step: by how many blanks a mapping within `fields` is indented further.
    """
    place = after.end if after is not None else block.last_end
    if block.flow:
        return _insert_in_flow(text, block, place, flow_items(fields, json=block.json))
    assert place is not None  # a block mapping has at least one entry
    lines = block_lines(fields, " " * block.column, step)
    return [insert_lines(text, end_of_line(text, place), lines)]


def fill(text: str, parent: Block, entry: Entry, fields: Fields, step: int) -> list[Splice]:
    """Give `entry`, which is null, the mapping `fields`; below it, behind deeper comments."""
    if parent.flow:
        items = ", ".join(flow_items(fields, json=entry.key_style == '"'))
        return _replace(text, parent, entry, "{" + items + "}")
    lines = block_lines(fields, " " * (parent.column + step), step)
    place = _end_of_comments(text, entry.end, parent.column)
    return [*set_value(text, parent, entry, None), insert_lines(text, place, lines)]


def block_lines(fields: Fields, indentation: str, step: int) -> list[str]:
    """`fields` in block style, one line a key."""
    lines = []
    for key, value in fields.items():
        if isinstance(value, Mapping):
            lines += [f"{indentation}{key}:",
                      *block_lines(value, indentation + " " * step, step)]
        elif value is None:
            lines.append(f"{indentation}{key}:")
        else:
            lines.append(f"{indentation}{key}: {quoting.written(value, number=key in BARE)}")
    return lines


def flow_items(fields: Fields, *, json: bool) -> list[str]:
    """`fields` in flow style, one item a key."""
    items = []
    for key, value in fields.items():
        if isinstance(value, Mapping):
            written = "{" + ", ".join(flow_items(value, json=json)) + "}"
        elif value is None:
            written = "null"
        else:
            written = quoting.written(value, number=key in BARE, flow=True, json=json)
        items.append(f"{quoting.double_quoted(key) if json else key}: {written}")
    return items


def insert_lines(text: str, place: int, lines: Sequence[str]) -> Splice:
    newline = newline_at(text, place)
    return place, place, "".join(newline + line for line in lines)


def _insert_in_flow(text: str, block: Block, place: int | None,
                    items: Sequence[str]) -> list[Splice]:
    if place is None:
        return [(block.start, block.start, _spaced(text, 0, block.start, ", ".join(items)))]
    first = skip_gap(text, block.start)
    if not is_broken(text, block.start, first):
        new = "".join(f", {item}" for item in items)
        return [(place, place, _apart(text, place) + _spaced(text, block.start, place, new))]
    return _insert_flow_lines(text, place, items, " " * (first - start_of_line(text, first)))


def _apart(text: str, place: int) -> str:
    """A space where a comma would become part of a tag, or would make a key of ``key:``."""
    behind_colon = text[place - 1:place] == ":" and not text[place:place + 1].strip()
    behind_tag = _ENDS_WITH_TAG.search(text[start_of_line(text, place):place])
    return " " if behind_colon or behind_tag else ""


def _insert_flow_lines(text: str, place: int, items: Sequence[str],
                       indentation: str) -> list[Splice]:
    """One item a line; the comment behind the last value stays with it."""
    separator = newline_at(text, place) + indentation
    comma = skip_gap(text, place)
    if text[comma:comma + 1] == ",":
        end = _end_of_comment(text, comma + 1)
        return [(end, end, "".join(f"{separator}{item}," for item in items))]
    end = _end_of_comment(text, place)
    return [(place, place, _apart(text, place) + ","),
            (end, end, _spaced(text, 0, end, separator + f",{separator}".join(items)))]


# -- comments ------------------------------------------------------------------------------------

def _end_of_comment(text: str, place: int) -> int:
    """The end of the line when only blanks and a comment are left on it, else `place`."""
    end = end_of_line(text, place)
    return end if _COMMENT.fullmatch(text, place, end) else place


def _end_of_comments(text: str, place: int, column: int) -> int:
    """The end of the line at `place`, or of the last comment line below deeper than `column`."""
    end = last = end_of_line(text, place)
    while True:
        newline = NEWLINE.match(text, end)
        if newline is None:
            return last
        start, end = newline.end(), end_of_line(text, newline.end())
        comment = _COMMENT_LINE.match(text, start, end)
        if comment is not None and len(comment.group(1)) > column:
            last = end
        elif text[start:end].strip(" "):
            return last
