"""Words of a server, fit to be shown to a person."""
from __future__ import annotations

import re
from collections.abc import Iterable

from trakt_config.tokens import MASK, Secret

LONGEST_QUOTE = 200

#: Characters of a secret that may not be shown in a row (or all of a shorter one).
_PIECE = 12

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\|$)|[ -/]*[0-~])", re.DOTALL)


def cleaned(text: str, secrets: Iterable[Secret] = ()) -> str:
    """Text of a server, fit to be shown: one line, short, no control characters, no secrets.

    Any 12 characters in a row of one of `secrets`, or all of a shorter one, become ``********``.
    """
    line = " ".join(_ESCAPE_SEQUENCE.sub("", text[:4000]).split())
    shown = "".join(character for character in line if character.isprintable())
    for secret in secrets:
        shown = _without(shown, secret.reveal())
    return shown if len(shown) <= LONGEST_QUOTE else shown[:LONGEST_QUOTE - 3] + "..."


def _without(text: str, secret: str) -> str:
    """`text` with a mask for each longest run of it that shows a piece of `secret`."""
    size = min(_PIECE, len(secret))
    pieces = {secret[start:start + size] for start in range(len(secret) - size + 1)} - {""}
    hidden = [False] * len(text)
    for start in range(len(text) - size + 1):
        if text[start:start + size] in pieces:
            hidden[start:start + size] = [True] * size
    marked = "".join("\0" if hide else character for hide, character in zip(hidden, text))
    return re.sub("\0+", MASK, marked)
