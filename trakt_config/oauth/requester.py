"""How requests go out to Trakt for one app: with which headers, how often, for how long."""
from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Callable

from trakt_config.errors import APPS_PAGE, SIGN_IN_AGAIN, ConfigError, TraktUnavailable
from trakt_config.oauth import limits
from trakt_config.oauth.answers import ACCESS_TOKEN, Credential, in_doubt
from trakt_config.oauth.endpoints import VISIBLE, Endpoints
from trakt_config.oauth.transport import HttpResponse, call
from trakt_config.startup import Record, hidden
from trakt_config.tokens import Client, Secret
from trakt_config.version import __version__

if TYPE_CHECKING:
    import requests

logger = logging.getLogger("trakt_config")

#: With every request, also with a caller's own to Trakt's API.
USER_AGENT = f"trakt_config/{__version__}"
API_VERSION = "2"

#: Seconds before a request that certainly was not sent is tried again.
BACKOFF = (1.0, 2.0)


class Deadline(Record):
    """The time that is left for tries and waits, by a clock that nobody sets."""

    ends: float
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]

    def left(self) -> float:
        return self.ends - self.monotonic()

    def wait(self, seconds: float, why: str) -> bool:
        """Wait, log it, and say True; False when no time would be left after it, or is left (this
        process may have been stopped): a request without time for its answer must not be sent.
        """
        if seconds >= self.left():
            return False
        logger.info("%s; trying again in %.0f s", why, seconds)
        if seconds > 0:
            self.sleep(seconds)
        return self.left() > 0


class Requester(Record):
    """Sends requests for one app.

    :ivar app: client_id, client_secret and redirect_uri.
    :ivar endpoints: where Trakt is.
    :ivar session: for proxies, adapters and CA bundles; nothing else of it is used. An adapter
        that retries by itself sends more requests than is promised here.
    :ivar clock: seconds since 1970.
    :ivar monotonic: seconds, by a clock that nobody sets.
    :ivar secrets: what a server's words must not show, whether it was sent or not.
    """

    app: Client
    endpoints: Endpoints = Endpoints()
    session: requests.Session | None = None
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    secrets: Sequence[Secret] = hidden(default=())

    def within(self, budget: float | None = None) -> Deadline:
        """The deadline that is so many seconds away; see :mod:`.limits`."""
        seconds = limits.BUDGET if budget is None else budget
        return Deadline(self.monotonic() + seconds, self.monotonic, self.sleep)

    def all_secrets(self, *sent: Secret) -> list[Secret]:
        """What is masked in an answer to a request that `sent` these."""
        own = [self.app.client_secret] if self.app.client_secret else []
        return [*own, *self.secrets, *sent]

    def with_client_secret(self, fields: dict[str, str]) -> dict[str, str]:
        """`fields` and the client_secret in the body (RFC 6749, section 2.3.1), if there is one."""
        if not self.app.client_secret:
            return fields
        return {**fields, "client_secret": self.app.client_secret.reveal()}

    def post(self, path: str, fields: Mapping[str, str], credential: Credential,
             deadline: Deadline) -> HttpResponse:
        """Send `fields` to an address below the OAuth endpoint.

        :param credential: what a lost answer leaves in doubt.
        """
        body = json.dumps(fields).encode("ascii")
        return self._send("POST", self.endpoints.oauth + path, body, credential, deadline)

    def get(self, path: str, access_token: Secret, deadline: Deadline) -> HttpResponse:
        """Read an address below the API endpoint."""
        return self._send("GET", self.endpoints.api + path, None, ACCESS_TOKEN, deadline,
                          access_token)

    def _send(self, method: str, url: str, body: bytes | None, credential: Credential,
              deadline: Deadline, access_token: Secret | None = None) -> HttpResponse:
        """Send, and again after a pause where certainly nothing was sent: three tries in all."""
        headers = _headers(self.app, access_token)
        for pause in (*BACKOFF, None):
            try:
                timeout = max(0.1, min(limits.REQUEST_TIMEOUT, deadline.left()))
                answer = call(method, url, headers=headers, body=body, session=self.session,
                              timeout=timeout)
                if not 200 <= answer.status < 300:  # What may be lost is not held up by a log.
                    logger.debug("Trakt answered %s %s with %d", method, url, answer.status)
                return answer
            except TraktUnavailable as error:
                if error.outcome_unknown:  # It was sent.
                    in_doubt(error, credential)
                    raise
                if pause is None or not deadline.wait(pause, error.message):
                    raise
        raise AssertionError("unreachable")


def _headers(client: Client, access_token: Secret | None) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT,
               "Accept-Encoding": "identity", "trakt-api-version": API_VERSION,
               "trakt-api-key": client.client_id}
    if access_token is not None:
        headers["Authorization"] = f"Bearer {access_token.reveal()}"
    if not VISIBLE.fullmatch(client.client_id):
        raise ConfigError("trakt.client_id has spaces or characters that are not ASCII",
                          hint=f"Copy it again from {APPS_PAGE}")
    if access_token is not None and not VISIBLE.fullmatch(access_token.reveal()):
        raise ConfigError("the access token has spaces or characters that are not ASCII",
                          hint=SIGN_IN_AGAIN)
    return headers
