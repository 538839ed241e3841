"""What a person did to the YAML that it cannot be read, and where: errors in our own words.

ruamel.yaml's texts quote the file, and its places are where it noticed, often lines below the
mistake. Here the line of the mistake is looked for. Nothing of the file is said but the names of
our own keys.
"""
from __future__ import annotations

import re
from itertools import takewhile
from typing import Any

from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import ScalarEvent, SequenceStartEvent
from ruamel.yaml.reader import ReaderError

from trakt_config.document.keys import KNOWN_KEYS
from trakt_config.document.lines import NEWLINE, line_at, mistake, position
from trakt_config.errors import ConfigError

_CONFLICT = re.compile(r"(?m)^(<{7}|={7}|>{7}|\|{7})(?=[ \r\n]|\Z)")
_OTHER_VERSION = re.compile(r"(?m)^(%YAML\b)(?!\S*[^\S\r\n]+1\.[12][^\S\r\n]*(?:[\r\n]|\Z))")
_HUGE_ESCAPE = re.compile(r"(\\U(?!0010|000)[0-9a-fA-F]{8})")

#: A line that should be `key: value`: its indentation, its first word, what stands behind that.
_LINE = re.compile(r"([ ]*)([\"']?[\w.-]+[\"']?)([^\r\n]*)")

#: A key whose value begins with the same key.
_TWICE = re.compile(r"(?:^|[{,])[ ]*[\"']?([\w.-]+)[\"']?[ ]*:[ ]+([\"']?)\1\2[ ]*:")

#: A space of another kind, as pages have it, where the indentation or a value begins.
_OTHER_SPACE = re.compile(
    "[ ]*(?:[\"']?[\\w.-]+[\"']?:)?[ ]*([\u00a0\u2000-\u200b\u202f\u205f\u3000])")

#: A line that pages and chats put around what is to be copied.
_FENCE = re.compile(r"(?m)^[ ]*(```)")
_SLASHES = re.compile(r"(?m)^[ \t]*//")
_DASH = re.compile(r"([ ]*)-[^ \t\r\n-]")

#: In a file that is a list: the item that was meant to be the trakt block.
_TRAKT_AS_ITEM = r"""(?m)(?:^(?:[ ]*-[ ]+|[ ]{2})|[\[{]\s*)["']?trakt["']?[ ]*:"""

#: A key of ours as an item of a list.
_OUR_ITEM = rf"""-[ ]+["']?(?:{'|'.join(sorted(KNOWN_KEYS))})["']?[ ]*:"""
#: A word alone, with a value behind it, and a `key:` on some line.
_WORD = re.compile(r"[ ]*[\w.-]+[ ]*$")
_BARE_KEY = re.compile(r"[ ]*(?!-)[\w.-]+(?: [^ :#]+)?[ ]*$")
_KEY = re.compile(r"(?m)^[ ]*[\w.-]+:(?=[ \r\n]|\Z)")

_PASTE = "Write a colon and a space after it: `{}: VALUE`."
_RIGHT_FILE = ("A config has `key: value` lines at its outermost level: is this the right file?")
_CHECK = "Check the quotes, colons and indentation there and just above."


def _at(pattern: re.Pattern[str], text: str, message: str, hint: str) -> ConfigError | None:
    """The mistake where the first group of the pattern is found."""
    found = pattern.search(text)
    return mistake(message, hint, *position(text, found.start(1))) if found else None


def yaml_error(text: str, problem: Exception, last: Any) -> ConfigError:
    """The error for an exception of ruamel.yaml.

    :param last: the last event before it, or None.
    """
    found = _conflict(text) or _at(
        _FENCE, text, "a line with ```, which was copied with the text around it",
        "Delete the lines with ```.") or _before_each_line(text)
    if found is None and isinstance(problem, ReaderError):
        found = mistake("a character that YAML does not allow",
                        "Delete the invisible character there.", *position(text, problem.position))
    if found is None and isinstance(problem, MarkedYAMLError):
        found = _marked(text, problem, last)
    return found or _unmarked(text, last)


def not_a_mapping(text: str, name: str, event: Any) -> ConfigError:
    """The error for `trakt`, `authorization` or the whole file (an empty `name`) that is none."""
    mark = event.start_mark
    line, column = mark.line + 1, mark.column + 1
    space = _other_space(text, line)
    if space is not None:
        return space
    if isinstance(event, ScalarEvent) and event.style is None:
        found = _conflict(text) or _same_key_twice(text, line) or _without_colon(text, line)
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
    below = next(filter(_has_code, NEWLINE.split(text)[line:]), "")
    if _WORD.match(first) and _indentation(below) >= column:
        return _no_colon(line, column)
    if _indentation(below) < column:
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
    above = next(filter(_has_code, reversed(lines[:line - 1])), "")
    keys = column + _indentation(lines[line - 1][column:])
    item = takewhile(lambda below: _indentation(below) >= keys, filter(_has_code, lines[line:]))
    has_key_beside = any(_indentation(below) == keys and below[keys] != "-" for below in item)
    if has_key_beside or (above and _indentation(above) >= column - 1):
        return "Write a space in place of the dash, and of the others like it."
    return "Delete the dash and the space after it, and the others like it."


# -- where ruamel.yaml says a place --------------------------------------------------------------

def _marked(text: str, problem: MarkedYAMLError, last: Any) -> ConfigError | None:
    mark = problem.problem_mark or problem.context_mark
    if mark is None:
        return None
    line, column = mark.line + 1, mark.column + 1
    if text[mark.index:mark.index + 1] == "\t":
        return mistake("a tab where YAML wants spaces", "Use spaces instead of the tab.", line,
                       column)
    known = str(problem.problem or problem.context)
    found = _other_space(text, line) or _of_another_language(text, mark) \
        or _dash_in_mapping(text, mark, known) \
        or _at_context(text, problem, known) or _same_key_twice(text, line) \
        or _open_quote(text, mark, last, known)
    if found is None and known.startswith("mapping values are not allowed"):
        found = _unexpected_colon(text, line, column)
    return found or _explained(known, line, column)


def _of_another_language(text: str, mark: Any) -> ConfigError | None:
    """What other languages allow, or what stands at the place too often."""
    slashes = _SLASHES.search(text)
    if slashes is not None and slashes.start() <= mark.index:
        return mistake("not valid YAML: // begins no comment", "Write # in its place.",
                       *position(text, slashes.end() - 2))
    if text[mark.index:mark.index + 1] in ("]", "}"):
        return mistake("not valid YAML: a closing bracket that nothing has opened", "Delete it.",
                       mark.line + 1, mark.column + 1)
    return None


def _dash_in_mapping(text: str, mark: Any, known: str) -> ConfigError | None:
    """A dash before one key of ours among others without."""
    if known.startswith("expected <block end>") and re.match(_OUR_ITEM, text[mark.index:]):
        return mistake("not valid YAML: a dash (-) makes this key an item of a list",
                       "Delete the dash and the space after it.", mark.line + 1, mark.column + 1)
    return None


def _at_context(text: str, problem: MarkedYAMLError, known: str) -> ConfigError | None:
    """Mistakes that begin where ruamel.yaml began to read what it could not end."""
    mark = problem.context_mark
    if mark is None:
        return None
    line, column = mark.line + 1, mark.column + 1
    if known.startswith("could not find expected ':'"):
        return _without_colon(text, line) or _without_space(text, line) or mistake(
            "not valid YAML: a key without a colon",
            "Write a colon and a space after it, or indent it like the text above.", line, column)
    if "quoted scalar" in str(problem.context) and (
            "end of stream" in known or "document separator" in known):
        return mistake("not valid YAML: a quote that is opened here is never closed",
                       "Close it at the end of the value.", line, column)
    end = problem.problem_mark
    if known.startswith("expected ',' or") and end and not text[end.index:].strip():
        return mistake("not valid YAML: a bracket that is opened here is never closed",
                       "Close it at the end of the list or mapping.", line, column)
    return None


def _open_quote(text: str, mark: Any, last: Any, known: str) -> ConfigError | None:
    """Text right behind closing quotes: either these do not close what the person opened, or a
    quote stands within.
    """
    if not isinstance(last, ScalarEvent) or last.style not in ("'", '"'):
        return None
    start, end = last.start_mark, last.end_mark
    if end.line != mark.line or text[end.index:mark.index].strip(" "):
        return None
    if start.line != end.line:
        return mistake("not valid YAML: a quote that is opened here is not closed on its line",
                       "Close it at the end of the value.", start.line + 1, start.column + 1)
    if known.startswith("expected ',' or"):
        return None
    return mistake("not valid YAML: text after the closing quote",
                   "Delete it; a single quote within single quotes is written twice.",
                   mark.line + 1, mark.column + 1)


def _unexpected_colon(text: str, line: int, column: int) -> ConfigError | None:
    lines = NEWLINE.split(text)
    above = next((number for number in range(line - 1, 0, -1) if lines[number - 1].strip()), 0)
    here = _indentation(lines[line - 1])
    if above and _BARE_KEY.match(lines[above - 1]) and here >= _indentation(lines[above - 1]):
        return _without_colon(text, above) or _no_colon(above, _indentation(lines[above - 1]) + 1)
    if not above or ": " in lines[line - 1][:column - 1]:
        return mistake("not valid YAML: a colon in a value",
                       "Put quotes around the value that holds the colon.", line, column)
    if here == _indentation(lines[above - 1]):
        return _without_colon(text, above)
    if here > _indentation(lines[above - 1]):
        return mistake("not valid YAML: this line is indented deeper than the one above",
                       "Indent the keys of one block alike.", line, here + 1)
    return None


def _other_space(text: str, line: int) -> ConfigError | None:
    """A space that is none to YAML, on the line or on the one above it."""
    for number in (line, line - 1):
        found = _OTHER_SPACE.match(line_at(text, number)) if number else None
        if found is not None:
            return mistake(f"a special space (U+{ord(found[1]):04X}) where YAML wants a plain one",
                           "Delete it, and type a space in its place.", number,
                           found.start(1) + 1)
    return None


def _same_key_twice(text: str, line: int) -> ConfigError | None:
    found = _TWICE.search(line_at(text, line))
    if found is None or found[1] not in KNOWN_KEYS:
        return None
    return key_twice(found[1], line, found.start(2) + 1)


def key_twice(key: str, line: int, column: int) -> ConfigError:
    """The value begins with its own key: the whole line was pasted behind it."""
    value = "" if key in ("trakt", "authorization") else " VALUE"
    return mistake(f"the key {key} stands there twice", f"Take one away: `{key}:{value}`.", line,
                   column)


def _without_colon(text: str, line: int) -> ConfigError | None:
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
    if name not in KNOWN_KEYS or rest.startswith((":", ",", "]", "}")):
        return None
    if name in ("trakt", "authorization"):
        return mistake(f"there is no colon {what}", f"Write one: `{name}:`.", line, column)
    if rest.lstrip().startswith("="):
        return mistake(f"there is an equals sign {what} where a colon belongs",
                       f"Write `{name}: VALUE`.", line, column)
    return mistake(f"there is no colon {what}", _PASTE.format(shown), line, column)


def _no_colon(line: int, column: int) -> ConfigError:
    return mistake("there is no colon after this key", _PASTE.format("KEY"), line, column)


def _without_space(text: str, line: int) -> ConfigError | None:
    """The line as a list item that lacks the space behind its dash."""
    found = _DASH.match(line_at(text, line))
    if found is None:
        return None
    return mistake("there is no space after the dash", "Write one: `- VALUE`.", line,
                   len(found[1]) + 1)


def _has_code(line: str) -> bool:
    """Whether there is more than a comment on it."""
    return line.strip()[:1] not in ("", "#")


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _explained(known: str, line: int, column: int) -> ConfigError:
    for start, message, hint in _EXPLANATIONS:
        if start in known:
            return mistake(f"not valid YAML: {message}", hint, line, column)
    return mistake("not valid YAML", _CHECK, line, column)


_EXPLANATIONS = (
    ("mapping values are not allowed", "a colon that is not expected here",
     "Check the indentation, or put quotes around a value that holds a colon."),
    ("expected <block end>", "the indentation does not match the lines above",
     "Indent the keys of one block alike."),
    ("expected ',' or", "a comma or a closing bracket is missing",
     "Check the brackets and commas there and just above."),
    ("cannot start any token", "a value cannot begin with this character",
     "Put quotes around the value."),
    ("expected alphabetic or numeric character", "a value cannot begin with this character",
     "Put quotes around the value."),
    ("escape", "a backslash in double quotes that begins no escape",
     "Write the backslash twice, or use single quotes."),
    ("expected '<document start>'", "more text after the end of the mapping",
     "Indent the line like the others of its block, or delete it."),
    ("tag handle", "a tag (!) whose handle is not declared",
     "Put quotes around the value if it is no tag."),
    ("sequence entries are not allowed", "a dash that is not expected here",
     "Put the list on lines of its own below its key, or quotes around the value."),
)


# -- where it says none --------------------------------------------------------------------------

def _unmarked(text: str, last: Any) -> ConfigError:
    """AssertionError, OverflowError and the like: they have no place, so it is looked for."""
    found = _at(_HUGE_ESCAPE, text, "not valid YAML: an escape that stands for no character",
                "Write the backslash twice, or use single quotes.") \
        or _at(_OTHER_VERSION, text, "a YAML version that is not supported",
               "Delete the line, or write `%YAML 1.2`.")
    if found is not None:
        return found
    hint = "Undo the last change of the file, or check it with a YAML linter."
    if last is None:
        return mistake("not valid YAML", hint, 1, 1)
    return mistake("not valid YAML at this line or below", hint, last.end_mark.line + 1, 1)


def _before_each_line(text: str) -> ConfigError | None:
    """What pages and mails have before each line."""
    found = re.search(r"""(?m)^[ ]*(?:(>)|\d+[:.|)]?)[ ]*["']?trakt["']?[ ]*:""", text)
    if found is None:
        return None
    what = "a > that was" if found[1] else "line numbers that were"
    return mistake(f"{what} copied with the lines",
                   f"Delete {'the >' if found[1] else 'the numbers'} before each line.",
                   *position(text, found.start()))


def _conflict(text: str) -> ConfigError | None:
    return _at(_CONFLICT, text, "a conflict marker: two versions of the file were not merged",
               "Keep one version, and delete the lines with <<<<<<<, ======= and >>>>>>>.")
