"""What a person did to the YAML that it cannot be read, and where: errors in our own words.

ruamel.yaml's texts quote the file, and its places are where it noticed, often lines below the
mistake. Here the line of the mistake is looked for. Nothing of the file is said but the names of
our own keys.
"""
from __future__ import annotations

import re
from typing import Any

from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from trakt_config.document import missing_lines
from trakt_config.document.keys import KNOWN_KEYS, SETTING_KEYS
from trakt_config.document.lines import (
    NEWLINE,
    code_above,
    has_code,
    indentation,
    line_at,
    mistake,
    mistake_at,
    of_another_program,
    position,
)
from trakt_config.document.quotes import extra_quotes, in_backticks, open_quote, text_behind_key
from trakt_config.document.typos import (
    conflict,
    goes_on,
    key_after_value,
    key_behind,
    no_colon,
    other_comment,
    other_space,
    same_key_twice,
    without_colon,
    without_space,
)
from trakt_config.errors import ConfigError

_OTHER_VERSION = re.compile(r"(?m)^(%YAML\b)(?!\S*[^\S\r\n]+1\.[12][^\S\r\n]*(?:[\r\n]|\Z))")
_HUGE_ESCAPE = re.compile(r"(\\U(?!0010|000)[0-9a-fA-F]{8})")

#: A line that pages and chats put around what is to be copied.
_FENCE = re.compile(r"(?m)^[ ]*(```)")
_SLASHES = re.compile(r"(?m)^[ \t]*//")

#: A key of ours at the beginning of a line, behind our block's own with nothing in it.
_BESIDE = re.compile(
    rf"(?m)^trakt:(?:[ ]*(?:#[^\r\n]*)?(?:\r\n|\n|\r(?!\n)))+({'|'.join(sorted(SETTING_KEYS))}):")

#: What a program replaces that makes the config from a template.
_OF_TEMPLATE = re.compile(r"""(?<!["'])(\{%|\{#|\{\{[^{}]*\}\})""")

#: A key of ours as an item of a list.
_OUR_ITEM = rf"""-[ ]+["']?(?:{'|'.join(sorted(KNOWN_KEYS))})["']?[ ]*:"""

#: A word alone on a line, or with a value behind it.
_BARE_KEY = re.compile(r"[ ]*(?!-)[\w.-]+(?: [^ :#]+(?:://[^ #]+)?)?[ ]*$")

_CHECK = "Check the quotes, colons and indentation there and just above."


def yaml_error(text: str, problem: Exception, last: Any) -> ConfigError:
    """The error for an exception of ruamel.yaml.

    :param last: the last event before it, or None.
    """
    found = conflict(text) or mistake_at(
        _FENCE, text, "a line with ```, which was copied with the text around it",
        "Delete the lines with ```.") or _before_each_line(text)
    if found is None and isinstance(problem, MarkedYAMLError):
        found = _of_template(text, problem)
    if found is None and isinstance(problem, MarkedYAMLError):
        found = _not_indented(text, problem)
    if found is None and isinstance(problem, ReaderError):
        found = mistake("a character that YAML does not allow",
                        "Delete the invisible character there.", *position(text, problem.position))
    if found is None and isinstance(problem, MarkedYAMLError):
        found = _marked(text, problem, last)
    return found or _unmarked(text, last)


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
    found = other_space(text, line) or missing_lines.of_authorization(text, line) \
        or _directive(text, mark, known) \
        or _of_another_language(text, problem, mark) \
        or _dash_in_mapping(text, mark, known) or extra_quotes(text, mark) \
        or _at_context(text, problem, known) or same_key_twice(text, line) \
        or open_quote(text, mark, last, known) or text_behind_key(text, mark, known) \
        or in_backticks(text, mark)
    if found is None and known.startswith("expected <block end>"):
        found = key_behind(text, mark)
    if found is None and known.startswith("mapping values are not allowed"):
        found = _unexpected_colon(text, line, column)
    return found or _explained(known, line, column)


def _of_template(text: str, problem: MarkedYAMLError) -> ConfigError | None:
    """On the line where it cannot be read on, or above it, with only comments between the two."""
    mark = problem.problem_mark or problem.context_mark
    for number in (mark.line + 1, code_above(text, mark.line + 1)) if mark else ():
        found = _OF_TEMPLATE.search(line_at(text, number)) if number else None
        if found is not None:
            return of_another_program("this", number, found.start(1) + 1)
    return None


def _directive(text: str, mark: Any, known: str) -> ConfigError | None:
    """A line with a percent sign at its beginning, which only a line of dashes ends."""
    line = mark.line + 1
    if known.startswith("expected '<document start>'") and not line_at(text, line).startswith("%"):
        line = code_above(text, line)
    if not line or not line_at(text, line).lstrip("\ufeff").startswith("%"):
        return None
    what, hint = "a directive (%) that cannot be read here", "Delete the line."
    above = filter(has_code, NEWLINE.split(text, line - 1)[:line - 1])
    if line != mark.line + 1 and all(each.lstrip("\ufeff").startswith("%") for each in above):
        what = "a line with --- is missing below this directive (%)"
        hint = "Delete the line, or write `---` on a line of its own below it."
    return mistake(f"not valid YAML: {what}", hint, line, 1)


def _not_indented(text: str, problem: MarkedYAMLError) -> ConfigError | None:
    """The first keys of the block are not indented, and those below them are."""
    mark = problem.problem_mark or problem.context_mark
    found = _BESIDE.search(text)
    if mark is None or found is None or found.start(1) > mark.index \
            or indentation(line_at(text, mark.line + 1)) == 0:
        return None
    return mistake(f"{found[1]} is beside trakt, not in it",
                   "Indent it, and the others like it, like the keys of the block.",
                   *position(text, found.start(1)))


def _of_another_language(text: str, problem: MarkedYAMLError, mark: Any) -> ConfigError | None:
    """What other languages allow, or what stands at the place too often."""
    for place in filter(None, (problem.context_mark, mark)):
        found = other_comment(text, place.line + 1)
        if found is not None:
            return found
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
        return without_colon(text, line) or without_space(text, line) or goes_on(text, line) \
            or mistake("not valid YAML: a key without a colon",
                       "Write a colon and a space after it, or indent it like the text above.",
                       line, column)
    if "quoted scalar" in str(problem.context) and (
            "end of stream" in known or "document separator" in known):
        if text[mark.index - 1:mark.index] in ("'", '"'):
            return mistake("not valid YAML: one quote too many", "Delete it.", line, column)
        return mistake("not valid YAML: a quote that is opened here is never closed",
                       "Close it at the end of the value.", line, column)
    end = problem.problem_mark
    if known.startswith("expected ',' or") and end and not text[end.index:].strip():
        return mistake("not valid YAML: a bracket that is opened here is never closed",
                       "Close it at the end of the list or mapping.", line, column)
    return None


def _unexpected_colon(text: str, line: int, column: int) -> ConfigError | None:
    lines, above = NEWLINE.split(text), code_above(text, line)
    here = indentation(lines[line - 1])
    if above and _BARE_KEY.match(lines[above - 1]) and here >= indentation(lines[above - 1]):
        return without_colon(text, above) or no_colon(above, indentation(lines[above - 1]) + 1)
    key = key_after_value(lines[line - 1][:column - 1], line)
    if key is not None:
        return key
    if not above or ": " in lines[line - 1][:column - 1]:
        return mistake("not valid YAML: a colon in a value",
                       "Put quotes around the value that holds the colon.", line, column)
    if here == indentation(lines[above - 1]):
        return without_colon(text, above)
    if here > indentation(lines[above - 1]):
        return mistake("not valid YAML: this line is indented deeper than the one above",
                       "Indent the keys of one block alike.", line, here + 1)
    return None


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
    found = mistake_at(_HUGE_ESCAPE, text,
                       "not valid YAML: an escape that stands for no character",
                       "Write the backslash twice, or use single quotes.") \
        or mistake_at(_OTHER_VERSION, text, "a YAML version that is not supported",
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


