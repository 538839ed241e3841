"""What an edit would change, fit to be shown: no secret, no comment, nothing outside `trakt`."""
from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from trakt_config.document.document import Document, require_document
from trakt_config.document.keys import AUTHORIZATION, TRAKT, Path
from trakt_config.document.layout import Entry
from trakt_config.document.lines import NEWLINE
from trakt_config.tokens import MASK

#: Lines shown around a change.
CONTEXT = 3

_COMMENT = re.compile(r"(#[^\r\n]*)")
#: Other keys are masked as well: in `{pin:1234}` the whole is a key.
_KEY = re.compile(r"""(["']?)\w{1,30}\1""")

_NUMBER = re.compile(r"""(["']?)[0-9]{1,12}\1""")
_WORD = re.compile(r"""(["']?)[A-Za-z]{1,11}\1""")
_NOTHING = re.compile(r"""''|""|null|~""")
#: The shapes of values that are no secrets: anything else may stand there, too.
_HARMLESS: Mapping[Path, re.Pattern[str]] = {
    (*TRAKT, "force_refresh"): _WORD,
    (*AUTHORIZATION, "token_type"): _WORD,
    (*AUTHORIZATION, "scope"): _WORD,
    (*AUTHORIZATION, "expires_in"): _NUMBER,
    (*AUTHORIZATION, "created_at"): _NUMBER,
}

_NO_PUNCTUATION = re.compile(r"[^#{}\[\],:?'\" \t\r\n]")


def masked_diff(before: Document, after: Document, *, values_known: bool = True) -> str:
    """A unified diff of the two trakt blocks, without file names; empty when they are equal.

    Lines are compared as they are and shown masked: a value is ``********`` whatever its length,
    with ``(new)`` behind one that `before` does not have; a comment, which may hold an old token,
    is ``# ...``. What is no secret is shown: times, scope, token_type and force_refresh.

    :param values_known: False where the new values stand for some that are not known yet: then
        none of them is shown, and what is no secret is only ``(new)``.
    """
    require_document(before)
    require_document(after)
    old, new = _real_lines(before), _real_lines(after)
    known = {path: before._text[entry.start:entry.end] for path, entry in _entries(before)}
    shown_old = _masked_lines(before, known, values_known=True)
    shown_new = _masked_lines(after, known, values_known=values_known)
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
    entry = document._layout.entry
    return (entry.key_start, entry.end) if entry else (0, 0)


def _real_lines(document: Document) -> list[str]:
    start, end = _span(document)
    return NEWLINE.split(document._text[start:end]) if end > start else []


def _entries(document: Document) -> Iterator[tuple[Path, Entry]]:
    """Each that is kept, with its keys from the root down."""
    def of(entry: Entry, path: Path) -> Iterator[tuple[Path, Entry]]:
        path = (*path, entry.key)
        yield path, entry
        for inner in entry.block.entries if entry.block else ():
            yield from of(inner, path)

    entry = document._layout.entry
    return of(entry, ()) if entry else iter(())


def _masked_lines(document: Document, known: Mapping[Path, str], *,
                  values_known: bool) -> list[str]:
    text, (done, end) = document._text, _span(document)
    pieces = []
    for start, stop, new in _replacements(document, known, values_known):
        pieces += [_without_words(text[done:start]), new]
        done = stop
    return NEWLINE.split("".join(pieces) + _without_words(text[done:end]))


def _replacements(document: Document, known: Mapping[Path, str],
                  values_known: bool) -> Iterator[tuple[int, int, str]]:
    """Keys as they are, values masked; what lies between them is left to `_without_words`."""
    for path, entry in _entries(document):
        key = document._text[entry.key_start:entry.key_end]
        shown = entry.colon is not None and _KEY.fullmatch(key) is not None
        yield entry.key_start, entry.key_end, key if shown else _masked(key)
        if entry.block is not None or entry.empty:
            continue
        value = document._text[entry.start:entry.end]
        is_new = known.get(path) != value
        if _HARMLESS.get(path, _NOTHING).fullmatch(value):
            yield entry.start, entry.end, value if values_known or not is_new else "(new)"
        else:
            yield entry.start, entry.end, _masked(value) + " (new)" * is_new


def _masked(value: str) -> str:
    """Every line of `value` as the mask, behind its own indentation."""
    return re.sub(r"(?m)(^|(?<=\r))([ \t]*)[^ \t\r\n][^\r\n]*", rf"\g<2>{MASK}", value)


def _without_words(text: str) -> str:
    """`text` without words of comments, tags and anchors; brackets, commas and line breaks stay."""
    parts = _COMMENT.split(text)  # Every other one is a comment.
    parts[::2] = [_NO_PUNCTUATION.sub("", part) for part in parts[::2]]
    parts[1::2] = ["# ..." if part.strip("# \t") else "#" for part in parts[1::2]]
    return "".join(parts)
