"""What a person got wrong about the quotes around a key or a value."""
from __future__ import annotations

import re
from typing import Any

from ruamel.yaml.events import ScalarEvent

from trakt_config.document.keys import KNOWN_KEYS
from trakt_config.document.lines import mistake, start_of_line
from trakt_config.document.typos import comment_behind, key_behind
from trakt_config.errors import ConfigError

#: Quotes with nothing in them, and then something.
_EMPTY_QUOTES = re.compile(r"""(?<![\w"'])(?:""|'')(?=[^\s,\]}])""")

#: A whole value, as pages and chats show it.
_IN_BACKTICKS = re.compile(r"`+[^`\r\n]+`+[ ]*(?:[,}\r\n]|#|\Z)")
_OUR_KEY = re.compile(rf"""(?:^|[ {{,"'])(?:{'|'.join(sorted(KNOWN_KEYS))})["']?[ ]*:[ ]+$""")

_HOW_TO_WRITE = {
    "'": "a single quote within single quotes is written twice",
    '"': 'a double quote within double quotes is written \\"',
}


def open_quote(text: str, mark: Any, last: Any, known: str) -> ConfigError | None:
    """Text right behind closing quotes: either these do not close what the person opened, or a
    quote stands within.
    """
    if not isinstance(last, ScalarEvent) or last.style not in _HOW_TO_WRITE:
        return None
    start, end = last.start_mark, last.end_mark
    if end.line != mark.line or text[end.index:mark.index].strip(" "):
        return None
    if start.line != end.line:
        return mistake("not valid YAML: a quote that is opened here is not closed on its line",
                       "Close it at the end of the value.", start.line + 1, start.column + 1)
    comment = comment_behind(text, mark.index)
    if comment is not None or known.startswith("expected ',' or"):
        return comment
    return key_behind(text, mark) or _text_behind(last.style, mark)


def text_behind_key(text: str, mark: Any, known: str) -> ConfigError | None:
    """The same behind a key: to ruamel.yaml its value is left out, and then comes no next key."""
    before = text[start_of_line(text, mark.index):mark.index].rstrip(" ")
    if not known.startswith("expected <block end>") or before[-1:] not in ("'", '"'):
        return None
    return _text_behind(before[-1], mark)


def _text_behind(quote: str, mark: Any) -> ConfigError:
    return mistake("not valid YAML: text after the closing quote",
                   f"Delete it; {_HOW_TO_WRITE[quote]}.", mark.line + 1, mark.column + 1)


def extra_quotes(text: str, mark: Any) -> ConfigError | None:
    """Empty quotes, and right behind them what belongs into quotes."""
    if not _EMPTY_QUOTES.match(text, mark.index - 2):
        return None
    return mistake("not valid YAML: two quotes at the beginning",
                   "Delete the extra quotes: one at the beginning and one at the end are enough.",
                   mark.line + 1, mark.column - 1)


def in_backticks(text: str, mark: Any) -> ConfigError | None:
    """A value of ours: quotes around the backticks would make them part of it."""
    before = text[start_of_line(text, mark.index):mark.index]
    if not _IN_BACKTICKS.match(text, mark.index) or not _OUR_KEY.search(before):
        return None
    return mistake("not valid YAML: a value in backticks", "Delete the backticks.", mark.line + 1,
                   mark.column + 1)
