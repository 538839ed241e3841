"""The events of ruamel.yaml, and its errors in our words. Nothing is constructed from them."""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import ScalarEvent
from ruamel.yaml.reader import ReaderError

from trakt_config.errors import ConfigError

#: ruamel.yaml's names for two of its loaders: the quick one, and the one that Kometa reads with.
QUICK_LOADER = "safe"
HOST_LOADER = "rt"

#: Line breaks as editors know them.
NEWLINE = re.compile(r"\r\n|\n|\r")

#: Null in plain style (YAML 1.2, section 10.3.2).
_NULLS = ("~", "null", "Null", "NULL")

_BYTE_ORDER_MARK = "\ufeff"


#: The indicators of a block scalar (YAML 1.2, section 8.1.1).
BLOCK_HEADER = re.compile(r"[|>][-+0-9]*")


def events(text: str, loader: str = QUICK_LOADER) -> Iterator[Any]:
    """The events of `text`. A parser of its own each time: a ``%YAML`` directive would leak into
    the next text. ``pure``: an installed C extension reads another language and has other marks.

    :param loader: `QUICK_LOADER` or `HOST_LOADER`.
    """
    problem: Exception | None = None
    try:
        for event in YAML(typ=loader, pure=True).parse(text):
            if loader == HOST_LOADER and getattr(event, "style", None) == ">":
                event.value = event.value.replace("\a", "")  # Where it would fold again.
            yield event
    except Exception as error:  # AssertionError, OverflowError and ValueError are seen as well
        problem = error
    # Raised out here: ruamel's exception quotes the file, and would be this one's context.
    if problem is not None:
        raise _yaml_error(text, problem)


def _yaml_error(text: str, problem: Exception) -> ConfigError:
    line, column, offset = None, None, None
    if isinstance(problem, ReaderError):
        offset = problem.position
        line, column = position(text, offset)
    elif isinstance(problem, MarkedYAMLError):
        mark = problem.problem_mark or problem.context_mark
        if mark is not None:
            line, column, offset = mark.line + 1, mark.column + 1, mark.index
    message, hint = _explanation(problem, text[offset:offset + 1] if offset is not None else "")
    return ConfigError(message, hint=hint, line=line, column=column)


def _explanation(problem: Exception, character: str) -> tuple[str, str]:
    """Our own words: those of ruamel.yaml may quote the file."""
    if character == "\t":
        return "a tab where YAML wants spaces", "use spaces instead of the tab"
    if isinstance(problem, ReaderError):
        return "a character that YAML does not allow", "delete the invisible character there"
    if not isinstance(problem, MarkedYAMLError):
        return "not valid YAML", "undo the last change of the file, or check it with a YAML linter"
    known = str(problem.problem or problem.context)
    for start, message, hint in _EXPLANATIONS:
        if known.startswith(start):
            return message, hint
    return "not valid YAML", "check the quotes, colons and indentation there and just above"


_EXPLANATIONS = (
    ("mapping values are not allowed", "not valid YAML: a colon that is not expected here",
     "check the indentation, or put quotes around a value that holds a colon"),
    ("could not find expected ':'", "not valid YAML: a key without a colon",
     "check the lines just above: a colon or a quote is missing, or the indentation is wrong"),
    ("found unexpected end of stream", "not valid YAML: a quote that is never closed",
     "close the quotes of the value above"),
    ("expected <block end>", "not valid YAML: the indentation does not match the lines above",
     "indent the keys of one block alike"),
    ("expected ',' or", "not valid YAML: a comma or a closing bracket is missing",
     "check the brackets and commas there and just above"),
)


def is_empty(event: Any) -> bool:
    """Whether a scalar takes no room in the text."""
    return (isinstance(event, ScalarEvent) and event.value == "" and event.style is None
            and event.anchor is None and event.ctag is None)


def is_blank(event: ScalarEvent) -> bool:
    """Whether a scalar is null, or a string of blanks."""
    value = str(event.value)
    resolved = event.style is None and event.implicit[0]
    return not trimmed(value) or (resolved and value in _NULLS)


def trimmed(text: str) -> str:
    """`text` without the blanks and line breaks around it."""
    return text.strip(" \t\r\n")


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column of `offset`, both from 1; a byte order mark has no column."""
    breaks = [match.end() for match in NEWLINE.finditer(text, 0, offset)]
    start = breaks[-1] if breaks else 0
    marks = text.count(_BYTE_ORDER_MARK, 0, 1) if start == 0 < offset else 0
    return len(breaks) + 1, offset - start - marks + 1


def refuse(message: str, hint: str, event: Any) -> NoReturn:
    """Raise a ConfigError at the start of `event`."""
    mark = event.start_mark
    raise ConfigError(message, hint=hint, line=mark.line + 1, column=mark.column + 1)
