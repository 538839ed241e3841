"""Words of a server, fit to be shown to a person."""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from trakt_config.tokens import MASK, Secret

LONGEST_QUOTE = 200

#: Characters of a secret that may not be shown in a row (or all of a shorter one).
_PIECE = 12

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\|$)|[ -/]*[0-~])", re.DOTALL)


#: Shorter secrets are too much like words to be looked for across blanks.
_LONG = 8

_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))")


def cleaned(text: str, secrets: Iterable[Secret] = ()) -> str:
    """Text of a server, fit to be shown: one line, short, no control characters, no secrets.

    Any 12 characters in a row of one of `secrets`, or all of a shorter one, become ``********``;
    line breaks and blanks in between do not help. Where they are escaped, all of the text does.
    """
    known = [secret for secret in secrets if secret]
    line = " ".join(_ESCAPE_SEQUENCE.sub("", text[:4000]).split())
    shown = "".join(character for character in line if character.isprintable())
    for secret in known:
        shown = _without(shown, secret.reveal())
    if gives_away(shown, known):
        return MASK
    return shown if len(shown) <= LONGEST_QUOTE else shown[:LONGEST_QUOTE - 3] + "..."


def gives_away(text: str, secrets: Iterable[Secret]) -> bool:
    """Whether a piece of a secret is in the text, as it stands or escaped."""
    readings = {text, *_unescaped(text)}
    return any(_without(reading, secret.reveal()) != reading
               for secret in secrets for reading in readings)


def _unescaped(text: str) -> Iterator[str]:
    """What it says to whoever undoes the escapes of addresses, of HTML, or of JSON."""
    if "%" in text:
        from urllib.parse import unquote
        yield unquote(text)
    if "&" in text:
        from html import unescape
        yield unescape(text)
    if "\\" in text:
        yield _ESCAPED.sub(lambda found: found[3] or chr(int(found[1] or found[2], 16)), text)


def _without(text: str, secret: str) -> str:
    """`text` with a mask for each longest run of it that shows a piece of `secret`."""
    places: Sequence[int] = range(len(text))
    if len(secret) >= _LONG:
        places = [place for place in places if text[place] != " "]
        secret = secret.replace(" ", "")
    letters = "".join(text[place] for place in places)
    size = min(_PIECE, len(secret))
    pieces = {secret[start:start + size] for start in range(len(secret) - size + 1)} - {""}
    hidden = [False] * len(text)
    for start in range(len(letters) - size + 1):
        if letters[start:start + size] in pieces:
            first, last = places[start], places[start + size - 1]
            hidden[first:last + 1] = [True] * (last + 1 - first)
    marked = "".join("\0" if hide else character for hide, character in zip(hidden, text))
    return re.sub("\0+", MASK, marked)
