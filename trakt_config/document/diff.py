"""What an edit would change, fit to be shown: no value, no comment, nothing outside `trakt`."""
from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from trakt_config.document.document import Document
from trakt_config.document.layout import Block, Entry
from trakt_config.document.lines import NEWLINE
from trakt_config.tokens import MASK

#: Lines shown around a change.
CONTEXT = 3

_COMMENT = re.compile(r"#[^\r\n]*")
#: Other keys are masked as well: in `{pin:1234}` the whole is a key.
_KEY = re.compile(r"""(["']?)\w{1,30}\1""")

_NO_PUNCTUATION = re.compile(r"[^#{}\[\],:?'\" \t\r\n]")


def masked_diff(before: Document, after: Document) -> str:
    """A unified diff of the two trakt blocks, without file names; empty when they are equal.

    Lines are compared as they are and shown masked: every value is ``********`` whatever its
    length, and of a comment, which may hold an old token, only the ``#`` is left.
    """
    old, new = _real_lines(before), _real_lines(after)
    shown_old, shown_new = _masked_lines(before), _masked_lines(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    result: list[str] = []
    for group in matcher.get_grouped_opcodes(CONTEXT):
        result.append(_header(before, after, group))
        for operation, i1, i2, j1, j2 in group:
            if operation == "equal":
                result += [f" {line}" for line in shown_old[i1:i2]]
            else:
                result += [f"-{line}" for line in shown_old[i1:i2]]
                result += [f"+{line}" for line in shown_new[j1:j2]]
    return "".join(line.rstrip() + "\n" for line in result)


def _header(before: Document, after: Document,
            group: list[tuple[str, int, int, int, int]]) -> str:
    _, old_start, _, new_start, _ = group[0]
    _, _, old_end, _, new_end = group[-1]
    return (f"@@ -{(before.trakt_line or 1) + old_start},{old_end - old_start}"
            f" +{(after.trakt_line or 1) + new_start},{new_end - new_start} @@")


def _span(document: Document) -> tuple[int, int]:
    entry = document._outline.entry
    return (entry.key_start, entry.end) if entry else (0, 0)


def _real_lines(document: Document) -> list[str]:
    start, end = _span(document)
    return NEWLINE.split(document._text[start:end]) if end > start else []


def _masked_lines(document: Document) -> list[str]:
    entry = document._outline.entry
    if entry is None:
        return []
    text, (done, end) = document._text, _span(document)
    pieces = []
    for start, stop, new in _replacements(text, entry):
        pieces += [_without_words(text[done:start]), new]
        done = stop
    return NEWLINE.split("".join(pieces) + _without_words(text[done:end]))


def _replacements(text: str, entry: Entry) -> Iterator[tuple[int, int, str]]:
    """Keys as they are, values masked; what lies between them is left to `_without_words`."""
    key = text[entry.key_start:entry.key_end]
    shown = entry.colon is not None and _KEY.fullmatch(key) is not None
    yield entry.key_start, entry.key_end, key if shown else _masked(key)
    if entry.block is not None:
        yield from _block_replacements(text, entry.block)
    elif not entry.empty:
        yield entry.start, entry.end, _masked(text[entry.start:entry.end])


def _block_replacements(text: str, block: Block) -> Iterator[tuple[int, int, str]]:
    for entry in block.entries:
        yield from _replacements(text, entry)


def _masked(value: str) -> str:
    """Every line of `value` as the mask, behind its own indentation."""
    return re.sub(r"(?m)(^|(?<=\r))([ \t]*)[^ \t\r\n][^\r\n]*", rf"\g<2>{MASK}", value)


def _without_words(text: str) -> str:
    """`text` without comments, tags and anchors; brackets, commas and line breaks stay."""
    return _NO_PUNCTUATION.sub("", _COMMENT.sub("#", text))
