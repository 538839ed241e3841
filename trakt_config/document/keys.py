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


#: Letters of other alphabets, and ours that look like them.
_ALIKE = str.maketrans(
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0423\u0406\u0405\u0408"
    "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456\u0455\u0458\u04bb\u0501\u043a\u0391\u0392"
    "\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03b1\u03bf\u03c1\u03b9"
    "\u03ba\u03bd\u03c4\u0131\u0442",
    "ABEKMHOPCTXYISJaceopxyisjhdkABEHIKMNOPTYXaopikvtit")

#: What cannot be seen to be wrong in a key; typographic quotes and dashes can, and so can accents.
_UNSEEN = re.compile("[\x80-\xa0\xad\u0250-\u200f\u2020-\U0010ffff]")


def without_case(name: str) -> str:
    """A key without what people mistake: case, dashes, spaces, quotes, letters that look alike, and
    what is copied along.
    """
    if not name.isascii():
        import unicodedata  # seldom needed
        name = unicodedata.normalize("NFKC", name).translate(_ALIKE)
    return re.sub(r"[\W_]", "", name).lower()


_KEY_OF = {without_case(key): key for key in KNOWN_KEYS}

#: What people call our keys, as :func:`without_case` leaves it: Trakt's pages, other programs and
#: the blocks beside ours have these names.
_OTHER_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "client_id": ("id", "appid", "applicationid", "client", "clientkey", "apikey", "apiid",
                  "consumerkey"),
    "client_secret": ("secret", "appsecret", "apisecret", "secretkey", "consumersecret"),
    "redirect_uri": ("redirect", "callback", "callbackuri", "callbackurl"),
    "pin": ("code", "pincode", "authcode", "authorizationcode"),
    "force_refresh": ("force",),
    "authorization": ("auth", "authentication", "oauth", "tokens", "credentials"),
    "access_token": ("token", "access", "bearer", "bearertoken", "authtoken", "oauthtoken"),
    "token_type": ("type",),
    "expires_in": ("lifetime", "ttl"),
    "refresh_token": ("refresh", "renewtoken", "renewaltoken"),
    "created_at": ("created", "createdon", "issued", "issuedat", "timestamp"),
})
_KEY_CALLED = {name: key for key, names in _OTHER_NAMES.items() for name in names}

#: Those that are clear enough in the wrong block, too.
_CLEAR_NAMES = ("secret", "token", "bearertoken", "authtoken", "oauthtoken", "refresh")

#: What other programs call the moment at which an access token ends, which is not read here.
_ENDS = ("expires", "expiresat", "expireson", "expiry", "expirydate", "expiration",
         "expirationdate", "validuntil")


def is_like_trakt(name: str) -> bool:
    """Whether a key of the root was probably meant to be `trakt`."""
    return (name.startswith("trakt:") or name.startswith("trakt.") and name[6:] in KNOWN_KEYS
            or (len(name) <= 10 and without_case(name).lstrip("0123456789") in _LIKE_TRAKT))


def how_trakt_is_written(name: str) -> str:
    """What to do about a key that :func:`is_like_trakt`."""
    if name[:1].isdigit():
        return "Delete the line numbers, which were copied with the lines."
    if name.startswith("trakt."):
        return "Write `trakt:` alone on a line, and its keys below it, indented with spaces."
    if name.startswith("trakt:"):
        return "Write `trakt:` alone on the line, with one colon, and its keys below it, indented."
    if name.lower() == "trakt":
        return "Write it as `trakt:`, in small letters."
    if name.strip("\"'\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb") == "trakt":
        return "Write it as `trakt:`, without the quotes."
    if _UNSEEN.search(name):
        return how_to_write(name, "trakt")
    if without_case(name) == "trakt":
        return "Write it as `trakt:`, in small letters and with nothing else in it."
    return "The name of the block is `trakt:`."


def how_to_write(name: str, key: str) -> str:
    """What to do about `name`, which was meant to be `key`, and may look like it."""
    if _UNSEEN.search(name):
        return f"Type it anew, as `{key}:`: a character in it is invisible or of another alphabet."
    return f"Write it as `{key}:`."


def key_beside(name: str) -> str | None:
    """The key of ours that was probably meant by `name`, a key of the root."""
    if is_like_trakt(name):
        return "trakt"
    return _KEY_OF.get(without_case(name).replace("isation", "ization"))


def key_elsewhere(name: str, known: Collection[str]) -> str | None:
    """The one of `known` that was clearly meant by `name`, which stands in another block."""
    bare = _bare(name)
    key = _KEY_OF.get(bare) or (_KEY_CALLED[bare] if bare in _CLEAR_NAMES else None)
    return key if key in known else None


def key_meant(name: str, known: Collection[str]) -> str | None:
    """The one of `known` that somebody probably meant who wrote `name`."""
    import difflib  # slow to import, and seldom needed
    bare = _bare(name)
    key = _KEY_OF.get(bare) or _KEY_CALLED.get(bare)
    return key if key in known else next(
        iter(difflib.get_close_matches(name.lower(), list(known), 1, 0.75)), None)


def is_end(name: str) -> bool:
    """Whether a key tells when an access token ends, in its own way."""
    return _bare(name) in _ENDS


def _bare(name: str) -> str:
    bare = without_case(name)
    return bare[len("trakt"):] if bare.startswith("trakt") else bare


def dotted(path: Path) -> str:
    """A path as messages name it: ``trakt.authorization.scope``."""
    return ".".join(str(key) for key in path)


def homes(path: Path) -> list[Path]:
    """The blocks at and below `path`: what looks like a key of theirs was meant for them."""
    return [home for home in KEYS if home[:len(path)] == path]
