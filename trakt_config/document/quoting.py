"""How a value is written so that every YAML reader gives the same characters back. Pure."""
from __future__ import annotations

import re

#: The words that YAML 1.1 or 1.2 resolves to null, a boolean or a number (YAML 1.1 types
#: ``bool``, ``null``, ``float``; YAML 1.2, section 10.3.2), in lower case.
_WORDS = frozenset({
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity",
})

#: Wider than any one reader's idea of a number or a date: YAML 1.1 has octal, base 60 and
#: underscores, YAML 1.2 has 0o and exponents without a point, Ruby has commas.
_NUMBER_OR_DATE = re.compile(
    r"""[-+]?(?: [0-9_,.]+ (?:[eE][-+]?[0-9_,]*)?
               | 0[xX][0-9a-fA-F_,]* | 0[oO][0-7_,]* | 0[bB][01_,]*
               | [0-9_,]+ (?: : [0-9_,]+)+ (?: \.[0-9_,]*)? )
      | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2} .*""", re.VERBOSE)

#: A first character that is no indicator (YAML 1.2, section 5.3), then printable ASCII without
#: ``: ``, `` #``, a colon or a blank at the end.
_PLAIN_IN_BLOCK = re.compile(r"[A-Za-z0-9_/](?:(?:[!-9;-~]|:(?=[!-~])|[ ](?=[!-~])(?!#))*)")

#: The same without blanks, colons and the indicators of flow style; ``?`` is one in YAML 1.1.
_PLAIN_IN_FLOW = re.compile(r"[A-Za-z0-9_/](?:[!$%&()*+./0-9;<=>@A-Z\\^_`a-z|~-])*")

#: Characters of a double-quoted scalar that are written as an escape: no YAML 1.1 or 1.2 reader
#: takes them all as they are (YAML 1.2, section 5.1), and some of them end a line.
_ESCAPED = re.compile(
    "[\"\\\\\x00-\x1f\x7f-\xa0\xad\u2028\u2029\ud800-\udfff\ufeff\ufff0-\uffff]")

_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

_PRINTABLE = re.compile(r"[ -~]*")

_BARE = re.compile(r"0|[1-9][0-9]*|true|false")


def is_plain_string(text: str, *, flow: bool) -> bool:
    """Whether `text`, written without quotes, is this very string to any YAML 1.1 or 1.2 reader.

    :param flow: whether it stands inside ``{}`` or ``[]``, where more characters mean something.
    """
    shape = _PLAIN_IN_FLOW if flow else _PLAIN_IN_BLOCK
    return (shape.fullmatch(text) is not None
            and text.lower() not in _WORDS
            and _NUMBER_OR_DATE.fullmatch(text) is None)


def is_bare(text: str) -> bool:
    """Whether `text`, written without quotes, is this number or boolean to any YAML reader."""
    return _BARE.fullmatch(text) is not None


def double_quoted(text: str) -> str:
    """`text` in double quotes, with escapes that YAML 1.1, YAML 1.2 and JSON share."""
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04x}"


def single_quoted(text: str) -> str:
    """`text` in single quotes; it must be printable ASCII, since they know no escapes."""
    return "'" + text.replace("'", "''") + "'"


def written(text: str, *, number: bool = False, style: str | None = None, flow: bool = False,
            json: bool = False) -> str:
    """`text` as it is to stand in the file.

    :param number: digits, or a boolean, to be written without quotes.
    :param style: the quotes that the value had, ``'`` or ``"``; they are kept.
    :param flow: whether it stands inside ``{}`` or ``[]``.
    :param json: whether only double quotes will do.
    """
    if number and is_bare(text):
        return text
    if json or style == '"':
        return double_quoted(text)
    if style == "'" and _PRINTABLE.fullmatch(text):
        return single_quoted(text)
    return text if is_plain_string(text, flow=flow) else double_quoted(text)
