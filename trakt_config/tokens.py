"""Values: a secret that does not print, the API app, and the authorization that Trakt gives."""
from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from trakt_config.startup import Record, fields_of, hidden

#: The keys of the ``authorization`` block, in the order in which Kometa writes them.
AUTHORIZATION_KEYS = (
    "access_token", "token_type", "expires_in", "refresh_token", "scope", "created_at",
)

#: A lifetime is believed up to ten years; Trakt's have been 24 hours, 7 days and 90 days.
LONGEST_LIFETIME = 10 * 365 * 86400

#: For an answer without ``expires_in`` (RFC 6749, section 5.1 only recommends it): the shortest
#: lifetime that Trakt has ever used, so that the token is never believed for too long.
SHORTEST_KNOWN_LIFETIME = 86400

#: 9999-12-30, the last whole day that a datetime can express in every time zone.
LATEST_TIME = 253402214400

#: The values that are numbers, and the largest that is believed.
LARGEST_NUMBERS = {"expires_in": LONGEST_LIFETIME, "created_at": LATEST_TIME}

MASK = "********"

_PRINTABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
#: What is shown in the place of a secret, and what stands before one in a header.
_NO_TOKEN = re.compile(r"\*{3,}|bearer .*", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,15}")


class Secret:
    """A string that shows itself as ``********``; :meth:`reveal` gives the characters."""

    __slots__ = ("_characters",)

    def __init__(self, characters: str) -> None:
        self._characters = characters

    def reveal(self) -> str:
        return self._characters

    def __bool__(self) -> bool:
        return bool(self._characters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._characters == other._characters

    def __hash__(self) -> int:
        return hash(self._characters)

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__


def fingerprint(secret: Secret | None) -> str | None:
    """A digest that recognises the secret again and does not give it away, where there is one."""
    if not secret:
        return None
    import hashlib  # not for a fresh run: it loads OpenSSL
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).hexdigest()


class Client(Record):
    """The API app at Trakt (RFC 6749, section 2). Newer apps have no secret."""

    client_id: str
    client_secret: Secret | None = None
    redirect_uri: str = "urn:ietf:wg:oauth:2.0:oob"


class Authorization(Record):
    """What Trakt's token endpoint gave (RFC 6749, section 5.1); the repr shows no token.

    :ivar access_token: goes into the header ``Authorization: Bearer ...``.
    :ivar token_type: ``"bearer"``.
    :ivar expires_in: seconds from `created_at` until the access token ends.
    :ivar refresh_token: works once, for the next pair.
    :ivar scope: ``"public"``.
    :ivar created_at: seconds since 1970, by Trakt's clock.
    :raises TypeError, ValueError: a value is of another type, or a number that no token has.
    """

    access_token: str = hidden()
    token_type: str
    expires_in: int
    refresh_token: str = hidden()
    scope: str
    created_at: int

    def __post_init__(self) -> None:
        for key, value in fields_of(self).items():
            kind = int if key in LARGEST_NUMBERS else str
            if not isinstance(value, kind) or isinstance(value, bool):
                raise TypeError(f"{key} has to be of type {kind.__name__}, not "
                                f"{type(value).__name__}")
        for key, largest in LARGEST_NUMBERS.items():
            if not 0 <= getattr(self, key) <= largest:
                raise ValueError(f"{key} has to be from 0 to {largest}")

    @property
    def expires_at(self) -> datetime:
        """When the access token ends: an aware datetime in UTC."""
        seconds = min(self.created_at + self.expires_in, LATEST_TIME)
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)

    @property
    def is_refresh_token_alone(self) -> bool:
        """Whether this is what is left of an answer without a usable access token."""
        return not self.access_token

    def values(self) -> dict[str, str]:
        """Its values as text, by key, in the order of the block."""
        keys = ("refresh_token",) if self.is_refresh_token_alone else AUTHORIZATION_KEYS
        return {key: str(getattr(self, key)) for key in keys}

    @classmethod
    def from_values(cls, values: Mapping[str, str]) -> Authorization | None:
        """The authorization that a config holds, from the text of its values.

        None unless there is an access token whose age is known: without one there is nothing
        to keep. (A refresh token alone is still worth spending; the caller has it in `values`.)
        """
        created_at = number_of("created_at", values.get("created_at"))
        expires_in = number_of("expires_in", values.get("expires_in"))
        if not values.get("access_token") or created_at is None or expires_in is None:
            return None
        return cls(access_token=values["access_token"],
                   token_type=values.get("token_type") or "bearer",
                   expires_in=expires_in,
                   refresh_token=values.get("refresh_token", ""),
                   scope=values.get("scope") or "public",
                   created_at=created_at)

    @classmethod
    def from_response(cls, body: bytes, *, received_at: float,
                      refresh_token: Secret | None = None) -> Authorization:
        """The authorization in the body of a successful answer.

        Where no usable ``refresh_token`` came, the one that was sent stays (RFC 6749, section 6);
        after a sign-in there is none, and it is empty. Missing or absurd numbers become the time
        of the answer and the shortest known lifetime.

        :raises UnusableAnswer: there is no usable access token in it.
        """
        answer = json_object(body) or {}
        now = min(max(0, int(received_at)), LATEST_TIME)
        access = _token(answer.get("access_token"))
        refresh = _token(answer.get("refresh_token"))
        kept = refresh or (refresh_token.reveal() if refresh_token else "")
        if access is None:
            raise UnusableAnswer(cls("", "bearer", 0, refresh, "public", now)
                                 if refresh else None)
        return cls(access_token=access,
                   token_type=_printable(answer.get("token_type")) or "bearer",
                   expires_in=(number_of("expires_in", answer.get("expires_in"))
                               or SHORTEST_KNOWN_LIFETIME),
                   refresh_token=kept,
                   scope=_printable(answer.get("scope")) or "public",
                   created_at=number_of("created_at", answer.get("created_at")) or now)


class UnusableAnswer(ValueError):
    """A successful status without usable tokens in the body.

    :ivar rest: what is left of it: a refresh token alone, where the answer had one all the same.
    """

    def __init__(self, rest: Authorization | None) -> None:
        super().__init__("the answer has no usable access token")
        self.rest = rest


def has_refresh_token(body: bytes, *, if_missing: bool) -> bool:
    """Whether an answer with tokens has a refresh token for the next time.

    :param if_missing: what a missing one means: in an answer to a refresh, that the old one goes
        on working (RFC 6749, section 6). One that is there and not usable never means that.
    """
    answer = json_object(body)
    if answer is None:
        return False
    if answer.get("refresh_token") is None:
        return if_missing
    return _token(answer["refresh_token"]) is not None


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`; None for anything else."""
    import json  # for an answer alone
    try:  # Stray bytes in one field do no harm to another: a token is checked for itself.
        value = json.loads(body.decode(json.detect_encoding(body), "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_token(text: str) -> bool:
    """Whether Trakt may have given it, and it can be sent: what an answer brings and what is read
    from a config go by this alone, or one would be saved and never found again.
    """
    return bool(_PRINTABLE.fullmatch(text)) and not _NO_TOKEN.fullmatch(text)


def _token(value: object) -> str | None:
    return value if isinstance(value, str) and is_token(value) else None


def _printable(value: object) -> str | None:
    return value if isinstance(value, str) and _PRINTABLE.fullmatch(value) else None


def number_of(key: str, value: object) -> int | None:
    """A positive whole number that is believed of `key`, from a number or its digits; else None.
    """
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= LARGEST_NUMBERS[key] else None
