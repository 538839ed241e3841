"""Words that a template has in the place of a value, which nobody has filled in. Pure."""
from __future__ import annotations

import re

#: One of these is among the words of such a value, and every one is among those of `_WORDS`: what
#: Trakt makes up looks like none of it, whatever its length and alphabet.
_TELLING = frozenset({
    "enter", "your", "insert", "put", "paste", "replace", "change", "changeme", "fill",
    "placeholder", "here", "todo", "tbd", "clientid",
    "clientsecret", "yourclientid", "yourclientsecret", "yourpin",
})
_WORDS = _TELLING | frozenset({
    "a", "access", "api", "app", "bearer", "client", "code", "from", "goes", "id", "in", "is", "it",
    "key", "me", "my", "of", "on", "page", "pin", "refresh", "secret", "the", "this", "to", "token",
    "trakt", "tv", "value", "with",
})
_NAMES = frozenset({"client_id", "client_secret", "trakt_client_id", "trakt_client_secret"})

_MASKED = re.compile(r"[xX]{3,}|[*#.?_-]{3,}")
_IN_BRACKETS = re.compile(r"<[^<>]+>|\[[^\[\]]+\]")
_WORD = re.compile(r"[a-z]+")


def is_unfilled(text: str) -> bool:
    """Whether a value without digits is what a template has in its place."""
    if _MASKED.fullmatch(text) or _IN_BRACKETS.fullmatch(text) or text.lower() in _NAMES:
        return True
    words = set(_WORD.findall(text.lower()))
    return words <= _WORDS and bool(words & _TELLING)
