"""The keys that are read or written: where they belong, and what else may have been meant."""
from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Optional

from trakt_config.tokens import AUTHORIZATION_KEYS

#: The keys from the root down to a value; None stands for a key that is no scalar.
Path = tuple[Optional[str], ...]

ROOT: Path = ()
TRAKT: Path = ("trakt",)
AUTHORIZATION: Path = ("trakt", "authorization")
PIN: Path = ("trakt", "pin")

#: The keys of the ``trakt`` block that mean something here.
SETTING_KEYS = (
    "client_id", "client_secret", "redirect_uri", "pin", "force_refresh", "authorization",
)

#: The mappings whose entries are kept, with the keys that may be there only once.
KEYS: Mapping[Path, frozenset[str]] = MappingProxyType({
    ROOT: frozenset({"trakt"}),
    TRAKT: frozenset(SETTING_KEYS),
    AUTHORIZATION: frozenset(AUTHORIZATION_KEYS),
})

#: All of them. They may be named to people: they are no secrets.
KNOWN_KEYS = frozenset().union(*KEYS.values())

#: What we write: an alias elsewhere to any of it would change with it.
WRITTEN = frozenset({PIN, *(AUTHORIZATION + (key,) for key in AUTHORIZATION_KEYS)})

#: Misspellings of `trakt`, as :func:`without_case` leaves them.
_LIKE_TRAKT = frozenset({"trakt", "trackt", "track", "tract", "trak", "trakk", "trkat", "trakttv"})


def without_case(name: str) -> str:
    """A key without what people mistake: case, dashes, spaces, quotes, and what is copied along."""
    return re.sub(r"[\W_]", "", name).lower()


_KEY_OF = {without_case(key): key for key in KNOWN_KEYS}


def is_like_trakt(name: str) -> bool:
    """Whether a key of the root was probably meant to be `trakt`."""
    return name.startswith("trakt:") or (len(name) <= 10 and without_case(name) in _LIKE_TRAKT)


def key_beside(name: str) -> str | None:
    """The key of ours that was probably meant by `name`, a key of the root."""
    if is_like_trakt(name):
        return "trakt"
    return _KEY_OF.get(without_case(name).replace("isation", "ization"))


def same_letters(name: str, known: Collection[str]) -> str | None:
    """The one of `known` that differs in nothing but what :func:`without_case` takes away."""
    bare = without_case(name)
    return next((key for key in known if without_case(key) == bare), None)


def key_meant(name: str, known: Collection[str]) -> str | None:
    """The one of `known` that somebody probably meant who wrote `name`."""
    import difflib  # slow to import, and seldom needed
    return same_letters(name, known) or next(
        iter(difflib.get_close_matches(name.lower(), list(known), 1, 0.75)), None)


def dotted(path: Path) -> str:
    """A path as messages name it: ``trakt.authorization.scope``."""
    return ".".join(str(key) for key in path)


def homes(path: Path) -> list[Path]:
    """The blocks at and below `path`: what looks like a key of theirs was meant for them."""
    return [home for home in KEYS if home[:len(path)] == path]
