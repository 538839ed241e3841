"""The sandbox's books: what has been issued, and by which rules it is honoured. No HTTP."""
from __future__ import annotations

import base64
import hashlib
import re
import secrets
import threading
from dataclasses import dataclass
from typing import Any, Callable

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"

#: Seconds that an authorization code, and a device code, can be used.
CODE_LIFETIME = 600
DEVICE_LIFETIME = 600

#: Codes, pairs and devices that are known, the last ones of each.
MOST_KNOWN = 10_000

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Refused(Exception):
    """The request is refused; without an `error` the answer is a page, or has no body.

    :ivar reuse: something that works once was presented again.
    """

    def __init__(self, status: int, error: str = "", description: str = "", *,
                 reuse: bool = False) -> None:
        super().__init__(f"{status} {error} {description}")
        self.status = status
        self.error = error
        self.description = description
        self.reuse = reuse


@dataclass
class Code:
    """An authorization code (RFC 6749, section 4.1.2); a PIN is one, too."""

    redirect_uri: str
    code_challenge: str | None
    expires_at: float
    family: str
    spent: bool = False


@dataclass
class Pair:
    """An access token and its refresh token; a family is all that grew from one sign-in."""

    access_token: str
    refresh_token: str
    created_at: int
    expires_in: int
    redirect_uri: str | None
    family: str
    revoked: bool = False
    spent: bool = False

    def response(self) -> dict[str, object]:
        """The six values of the answer (RFC 6749, section 5.1, and Trakt's created_at)."""
        return {"access_token": self.access_token, "token_type": "bearer",
                "expires_in": self.expires_in, "refresh_token": self.refresh_token,
                "scope": "public", "created_at": self.created_at}


@dataclass
class Device:
    """A device code and the user code that a person types in for it (RFC 8628)."""

    device_code: str
    user_code: str
    expires_at: float
    allowed: bool | None = None
    polled_at: float | None = None
    spent: bool = False


def _forget_oldest(known: dict[str, Any]) -> None:
    while len(known) > MOST_KNOWN:
        del known[next(iter(known))]


def challenge_for(code_verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(code_verifier.encode("utf-8")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


class Issuer:
    """Issues codes and tokens and honours each as often as Trakt does; safe among threads."""

    def __init__(self, *, client_id: str, client_secret: str, lifetime: int, interval: int,
                 clock: Callable[[], float], family_revocation: bool, new_server: bool,
                 secret_required: bool) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.lifetime = lifetime
        self.interval = interval
        self.clock = clock
        self._family_revocation = family_revocation
        self._new_server = new_server
        self._secret_required = secret_required
        self._lock = threading.RLock()
        self._codes: dict[str, Code] = {}
        self._by_access_token: dict[str, Pair] = {}
        self._by_refresh_token: dict[str, Pair] = {}
        self._devices: dict[str, Device] = {}

    def check_client(self, client_id: object, client_secret: object) -> None:
        """Refuse an unknown app and a wrong secret; leaving the secret out is allowed."""
        if not client_id:
            raise Refused(400, "invalid_request", "client_id is required")
        if client_id != self.client_id:
            raise Refused(400, "invalid_client", "the app is not known")
        if client_secret is None and self._secret_required:
            raise Refused(400, "invalid_client", "client_secret is required")
        if client_secret is not None and client_secret != self.client_secret:
            raise Refused(400, "invalid_client", "client_secret is wrong")

    def issue_code(self, redirect_uri: str, code_challenge: str | None,
                   code: str | None = None) -> str:
        with self._lock:
            if code_challenge is None and self._new_server:
                code_challenge = challenge_for(secrets.token_urlsafe(32))
            code = code or self._unused_code()
            self._codes[code] = Code(redirect_uri, code_challenge,
                                     self.clock() + CODE_LIFETIME, secrets.token_hex(8))
            _forget_oldest(self._codes)
            return code

    def exchange_code(self, code: object, redirect_uri: object, code_verifier: object) -> Pair:
        """Trade an authorization code for tokens (RFC 6749, 4.1.3; RFC 7636, 4.6)."""
        with self._lock:
            found = self._codes.get(code) if isinstance(code, str) else None
            if found is None or self.clock() >= found.expires_at:
                raise Refused(400, "invalid_grant", "the code is invalid or has expired")
            if found.spent:
                self._punish(found.family)
                raise Refused(400, "invalid_grant", "the code was used already", reuse=True)
            _check_redirect_uri(redirect_uri, found.redirect_uri)
            _check_verifier(code_verifier, found.code_challenge)
            found.spent = True
            return self.issue_pair(redirect_uri=found.redirect_uri, family=found.family)

    def refresh(self, refresh_token: object, redirect_uri: object) -> Pair:
        """Rotate a refresh token: it is spent, and a new pair takes its place."""
        with self._lock:
            found = (self._by_refresh_token.get(refresh_token)
                     if isinstance(refresh_token, str) else None)
            if found is None:
                raise Refused(400, "invalid_grant", "session not found")
            if found.spent:
                self._punish(found.family)
                raise Refused(400, "invalid_grant", "the refresh token was used already",
                              reuse=True)
            if found.revoked:
                raise Refused(400, "invalid_grant", "the refresh token was revoked")
            _check_redirect_uri(redirect_uri, found.redirect_uri)
            found.spent = True
            return self.issue_pair(redirect_uri=found.redirect_uri, family=found.family)

    def issue_pair(self, *, redirect_uri: str | None, family: str | None = None,
                   created_at: int | None = None, expires_in: int | None = None) -> Pair:
        pair = Pair(access_token=secrets.token_hex(32), refresh_token=secrets.token_hex(32),
                    created_at=int(self.clock()) if created_at is None else created_at,
                    expires_in=self.lifetime if expires_in is None else expires_in,
                    redirect_uri=redirect_uri, family=family or secrets.token_hex(8))
        with self._lock:
            self._by_access_token[pair.access_token] = pair
            self._by_refresh_token[pair.refresh_token] = pair
            _forget_oldest(self._by_access_token)
            _forget_oldest(self._by_refresh_token)
        return pair

    def honours_access(self, access_token: str) -> bool:
        with self._lock:
            pair = self._by_access_token.get(access_token)
            return (pair is not None and not pair.revoked
                    and self.clock() < pair.created_at + pair.expires_in)

    def honours_refresh(self, refresh_token: str) -> bool:
        with self._lock:
            pair = self._by_refresh_token.get(refresh_token)
            return pair is not None and not pair.revoked and not pair.spent

    def expire(self, access_token: str) -> None:
        with self._lock:
            self._by_access_token[access_token].expires_in = 0

    def revoke(self, token: object) -> None:
        """Revoke the pair of either token; an unknown one is no error (RFC 7009, 2.2)."""
        with self._lock:
            for pair in self._by_access_token.values():
                if token in (pair.access_token, pair.refresh_token):
                    pair.revoked = True

    def revoke_all(self) -> None:
        with self._lock:
            for pair in self._by_access_token.values():
                pair.revoked = True

    def issue_device(self) -> Device:
        """Begin a sign-in on another device (RFC 8628, section 3.2)."""
        device = Device(device_code=secrets.token_hex(32),
                        user_code=secrets.token_hex(4).upper(),
                        expires_at=self.clock() + DEVICE_LIFETIME)
        with self._lock:
            self._devices[device.device_code] = device
            _forget_oldest(self._devices)
        return device

    def decide_device(self, user_code: str, *, allow: bool) -> bool:
        """Record the person's answer; False when no such code waits for one."""
        with self._lock:
            for device in self._devices.values():
                waits = device.allowed is None and self.clock() < device.expires_at
                if waits and device.user_code == user_code.strip().upper():
                    device.allowed = allow
                    return True
        return False

    def poll_device(self, device_code: object) -> Pair:
        """The tokens, once the person has allowed it; until then, Trakt's table of statuses."""
        with self._lock:
            device = self._devices.get(device_code) if isinstance(device_code, str) else None
            if device is None:
                raise Refused(404)
            if device.spent:
                raise Refused(409, reuse=True)
            self._check_poll(device)
            device.spent = True
            return self.issue_pair(redirect_uri=None)

    def _check_poll(self, device: Device) -> None:
        now, before = self.clock(), device.polled_at
        device.polled_at = now
        if now >= device.expires_at:
            raise Refused(410)
        if device.allowed is False:
            raise Refused(418)
        if before is not None and now - before < self.interval:
            raise Refused(429)
        if device.allowed is None:
            raise Refused(400)

    def _punish(self, family: str) -> None:
        """Something was used twice, so it was stolen (RFC 9700, section 4.14.2)."""
        if not self._family_revocation:
            return
        for pair in self._by_access_token.values():
            if pair.family == family:
                pair.revoked = True

    def _unused_code(self) -> str:
        while True:
            code = secrets.token_hex(4).upper()
            if code not in self._codes:
                return code


def _check_redirect_uri(given: object, expected: str | None) -> None:
    """Equal to the character; tokens of a device code were issued for none, so any will do."""
    if not given:
        raise Refused(400, "invalid_request", "redirect_uri is required")
    if expected is not None and given != expected:
        raise Refused(400, "invalid_request", "redirect_uri mismatch")


def _check_verifier(verifier: object, challenge: str | None) -> None:
    # A verifier for a code without a challenge is refused, too: RFC 9700, section 4.8.2.
    if verifier is None and challenge is None:
        return
    if (not isinstance(verifier, str) or not _VERIFIER.fullmatch(verifier)
            or challenge_for(verifier) != challenge):
        raise Refused(400, "invalid_grant", "code_verifier does not match the code_challenge")
