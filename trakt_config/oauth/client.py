"""How requests go out to Trakt: where to, with which headers, how often, for how long."""
from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable
from urllib.parse import urlsplit

from trakt_config.errors import ConfigError, TraktUnavailable, command
from trakt_config.oauth.transport import Answer, call, is_loopback
from trakt_config.tokens import Client, Secret
from trakt_config.version import __version__

if TYPE_CHECKING:
    import requests

logger = logging.getLogger("trakt_config")

#: Seconds for all tries and waits of an exchange together.
BUDGET = 90.0

#: Seconds for one request, so that a lost answer leaves time for a second try.
REQUEST_TIMEOUT = 40.0

#: Seconds before a request that certainly was not sent is tried again.
BACKOFF = (1.0, 2.0)

VISIBLE = re.compile("[!-~]+")


@dataclass(frozen=True)
class Endpoints:
    """Where Trakt is: scheme, host and perhaps a path, without a slash at the end."""

    oauth: str = "https://auth.trakt.tv"
    api: str = "https://api.trakt.tv"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Endpoints:
        """Trakt's own, unless ``TRAKT_CONFIG_OAUTH_URL`` or ``TRAKT_CONFIG_API_URL`` is set.

        :raises ConfigError: not an https address (http only for this machine), or one that holds
            a user name, a query or a fragment.
        """
        return cls(oauth=_endpoint(environ, "TRAKT_CONFIG_OAUTH_URL", cls.oauth),
                   api=_endpoint(environ, "TRAKT_CONFIG_API_URL", cls.api))


@dataclass(frozen=True)
class Allowance:
    """The time that is left for tries and waits, by a clock that nobody sets."""

    ends: float
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]

    def left(self) -> float:
        return self.ends - self.monotonic()

    def wait(self, seconds: float, why: str) -> bool:
        """Wait, log it, and say True; False, at once, when no time would be left after it."""
        if seconds >= self.left():
            return False
        logger.info("%s; trying again in %.0f s", why, seconds)
        if seconds > 0:
            self.sleep(seconds)
        return True


@dataclass(frozen=True)
class Sender:
    """How requests go out for one app."""

    client: Client
    session: requests.Session | None
    allowance: Allowance

    @classmethod
    def within(cls, budget: float, client: Client, session: requests.Session | None,
               monotonic: Callable[[], float], sleep: Callable[[float], None]) -> Sender:
        """A sender that has `budget` seconds from now on."""
        return cls(client, session, Allowance(monotonic() + budget, monotonic, sleep))

    def secrets(self) -> list[Secret]:
        return [self.client.client_secret] if self.client.client_secret else []

    def post(self, url: str, fields: Mapping[str, str]) -> Answer:
        return self._send("POST", url, json.dumps(fields).encode("ascii"))

    def get(self, url: str, access_token: Secret) -> Answer:
        return self._send("GET", url, None, access_token)

    def _send(self, method: str, url: str, body: bytes | None,
              access_token: Secret | None = None) -> Answer:
        """Send, and again after a pause where certainly nothing was sent: three tries in all."""
        headers = _headers(self.client, access_token)
        for pause in (*BACKOFF, None):
            try:
                return call(method, url, headers=headers, body=body, session=self.session,
                            timeout=max(0.1, min(REQUEST_TIMEOUT, self.allowance.left())))
            except TraktUnavailable as error:
                failure = error
            if failure.outcome_unknown or pause is None:
                break
            if not self.allowance.wait(pause, failure.message):
                break
        raise failure


def with_client_secret(fields: dict[str, str], client: Client) -> dict[str, str]:
    """`fields` and the client_secret in the body (RFC 6749, section 2.3.1), if there is one."""
    if not client.client_secret:
        return fields
    return {**fields, "client_secret": client.client_secret.reveal()}


def _headers(client: Client, access_token: Secret | None) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": f"trakt_config/{__version__}",
               "Accept-Encoding": "identity", "trakt-api-version": "2",
               "trakt-api-key": client.client_id}
    if access_token is not None:
        headers["Authorization"] = f"Bearer {access_token.reveal()}"
    if not VISIBLE.fullmatch(client.client_id):
        raise ConfigError("trakt.client_id holds blanks or characters that are not ASCII",
                          hint="copy it again from https://app.trakt.tv/settings/apps/api")
    if access_token is not None and not VISIBLE.fullmatch(access_token.reveal()):
        raise ConfigError("the access token holds blanks or characters that are not ASCII",
                          hint=f"sign in again: {command('login')}")
    return headers


def _endpoint(environ: Mapping[str, str], variable: str, default: str) -> str:
    value = environ.get(variable, "").strip() or default
    problem = endpoint_problem(value)
    if problem:
        raise ConfigError(f"{variable} {problem}", hint=f"set it to an address such as {default}, "
                                                        "or unset it")
    return value.rstrip("/")


def endpoint_problem(value: str) -> str:
    """What is wrong with an address, without quoting it: it may hold a password."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is not a valid address"
    if not VISIBLE.fullmatch(value) or "\\" in value or not host:
        return "is not a valid address"
    if "@" in parts.netloc:
        return "must not hold a user name or password"
    if "?" in value or "#" in value:
        return "must not hold a query or a fragment"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        return "must start with https:// (http:// is only for this machine)"
    return ""
