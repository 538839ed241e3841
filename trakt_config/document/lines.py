"""Lines and columns as editors know them, and the error at a place.

A line ends with ``\\r\\n``, ``\\n`` or ``\\r`` alone.
"""
from __future__ import annotations

import functools
import re
from typing import Any, Callable, TypeVar, cast

from trakt_config.errors import ConfigError

Work = TypeVar("Work", bound=Callable[..., Any])

NEWLINE = re.compile(r"\r\n|\n|\r")

_BYTE_ORDER_MARK = "\ufeff"


def line_at(text: str, number: int) -> str:
    """The line of this number, from 1, without its ending."""
    return NEWLINE.split(text, number)[number - 1]


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column of `offset`, both from 1; a byte order mark has no column."""
    breaks = [match.end() for match in NEWLINE.finditer(text, 0, offset)]
    start = breaks[-1] if breaks else 0
    marks = text.count(_BYTE_ORDER_MARK, 0, 1) if start == 0 < offset else 0
    return len(breaks) + 1, offset - start - marks + 1


def start_of_line(text: str, place: int) -> int:
    """Behind the line break before the line, or the beginning of the text."""
    return max(text.rfind("\n", 0, place), text.rfind("\r", 0, place)) + 1


def end_of_line(text: str, place: int) -> int:
    """Where the line break stands that ends the line, or the end of the text."""
    match = NEWLINE.search(text, place)
    return match.start() if match else len(text)


def newline_at(text: str, place: int) -> str:
    """The line break of the line at `place`; where it has none, that of the line before."""
    match = NEWLINE.search(text, place)
    if match is not None:
        return match.group()
    before = NEWLINE.findall(text, 0, place)
    return before[-1] if before else "\n"


def is_broken(text: str, start: int, end: int) -> bool:
    """Whether a line ends between the two places."""
    return NEWLINE.search(text, start, end) is not None


def has_code(line: str) -> bool:
    """Whether there is more than a comment on it."""
    return line.strip()[:1] not in ("", "#")


def code_above(text: str, line: int) -> int:
    """The number of the last line above that has more than a comment; 0 where there is none."""
    lines = NEWLINE.split(text, line)
    return next((number for number in range(line - 1, 0, -1) if has_code(lines[number - 1])), 0)


def indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def mistake(message: str, hint: str, line: int, column: int) -> ConfigError:
    """The error for what is wrong there; both count from 1."""
    return ConfigError(message, hint=hint, line=line, column=column)


def of_another_program(name: str, line: int, column: int) -> ConfigError:
    """`name`, in the template that another program makes the config from."""
    return mistake(f"{name} is filled in by another program",
                   "Run trakt-config after that program, on the file that it writes.", line, column)


def mistake_at(pattern: re.Pattern[str], text: str, message: str,
               hint: str) -> ConfigError | None:
    """The mistake where the first group of the pattern is found."""
    found = pattern.search(text)
    return mistake(message, hint, *position(text, found.start(1))) if found else None


def reports_mistakes(work: Work) -> Work:
    """Decorate work on a config's text: no frame of its errors holds that, but the caller's own."""
    @functools.wraps(work)
    def reporting(*given: Any, **named: Any) -> Any:
        try:
            return work(*given, **named)
        except ConfigError as error:
            mistake = error.alone()
        del given, named
        raise mistake

    return cast(Work, reporting)
