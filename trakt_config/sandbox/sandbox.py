"""A Trakt on this machine: for the demo, for tests, and for people who build on this package.

    with Sandbox() as sandbox:
        environ = {**os.environ, **sandbox.environ}
        pin = sandbox.issue_code()

It keeps Trakt's rules (codes and refresh tokens work once, headers and bodies are checked) and
writes a ledger of what it was asked. It can be told to fail: see :class:`Answer`. What it serves,
``help(trakt_config.sandbox)`` lists.
"""
from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Callable
from urllib.parse import parse_qsl, urlsplit

from trakt_config.sandbox import api
from trakt_config.sandbox.issuer import OUT_OF_BAND, Issuer, Refused
from trakt_config.sandbox.server import Answer, Hold, Server

#: Fakes in the shape of Trakt's: 64 hexadecimal digits that begin with "fa4e".
CLIENT_ID = ("fa4ec11e471d" * 6)[:64]
CLIENT_SECRET = ("fa4e5ec4e7" * 7)[:64]

#: Requests that are remembered, the last ones, and how many characters they may have in all.
LONGEST_LEDGER = 10_000
LARGEST_LEDGER = 8 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """One entry of the ledger; it is there before the first byte of the answer is sent.

    :ivar headers: their names in lower case.
    :ivar body: the JSON object in the body, or None.
    :ivar status: what was sent, or None where the connection was cut instead.
    :ivar time: seconds since 1970, by the sandbox's clock.
    :ivar issued: tokens were issued, whether or not the answer arrived.
    :ivar grant: ``grant_type``; ``device_code`` for a poll; else empty.
    :ivar reuse: something that works once was presented again.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: dict[str, Any] | None
    status: int | None
    time: float
    issued: bool
    grant: str
    reuse: bool


class Sandbox:
    """A server that listens from now until :meth:`close`, or for a ``with`` block.

    :param host: the address to listen at; for others than this machine at your own risk.
    :param port: 0 for any that is free.
    :param lifetime: seconds that access tokens are valid.
    :param interval: seconds that a poll with a device code has to wait for the next, which it says
        in its answer. Of 0, `login` makes the 5 of RFC 8628; it does not wait with a `sleep` and a
        `monotonic` of the caller's.
    :param clock: the seconds since 1970.
    :param family_revocation: a second use of a code or refresh token revokes all that grew from
        the same sign-in (RFC 9700, section 4.14.2).
    :param new_server: codes that were asked for without a PKCE challenge get one that nobody
        can meet, as is reported of Trakt's new server.
    :param secret_required: refuse requests that leave out ``client_secret``.
    :raises TypeError, ValueError: an argument is of another type, or cannot be what it is for; of
        the methods as well.
    :raises OSError: it cannot listen there.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, lifetime: int = 604800,
                 interval: int = 5, client_id: str = CLIENT_ID,
                 client_secret: str = CLIENT_SECRET, clock: Callable[[], float] = time.time,
                 family_revocation: bool = False, new_server: bool = False,
                 secret_required: bool = False) -> None:
        _check(str, host=host, client_id=client_id, client_secret=client_secret)
        _check(int, port=port, lifetime=lifetime, interval=interval)
        _check(bool, family_revocation=family_revocation, new_server=new_server,
               secret_required=secret_required)
        _check_not_negative(lifetime=lifetime, interval=interval)
        if not 0 <= port <= 65535:
            raise ValueError("port has to be between 0 and 65535")
        if not callable(clock):
            raise TypeError(f"clock has to be a function, not {type(clock).__name__}")
        self.client_id = client_id
        self.client_secret = client_secret
        self._issuer = Issuer(client_id=client_id, client_secret=client_secret,
                              lifetime=lifetime, interval=interval, clock=clock,
                              family_revocation=family_revocation, new_server=new_server,
                              secret_required=secret_required)
        self._lock = threading.Lock()
        self._ledger: deque[Request] = deque()
        self._ledger_size = 0
        self._answers: dict[str, deque[Answer]] = defaultdict(deque)
        self._server = Server(host, port, self._next_answer, self._process)
        self.url = self._server.url

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening. Requests under way are cut, those that wait or are held included."""
        self._server.close()

    @property
    def environ(self) -> dict[str, str]:
        """The variables that send this package here."""
        return {"TRAKT_CONFIG_OAUTH_URL": self.url, "TRAKT_CONFIG_API_URL": self.url}

    @property
    def pin_address(self) -> str:
        """The page where a person gets a PIN."""
        return api.pin_address(self.url, self._issuer)

    @property
    def ledger(self) -> list[Request]:
        """A copy of what was asked so far, in the order in which it was processed."""
        with self._lock:
            return list(self._ledger)

    @property
    def token_requests(self) -> list[Request]:
        """Those of the ledger that went to ``/oauth/token``."""
        return [request for request in self.ledger if request.path == "/oauth/token"]

    def issue_code(self, redirect_uri: str = OUT_OF_BAND, code_challenge: str | None = None,
                   *, code: str | None = None) -> str:
        """A new authorization code, or PIN: eight hexadecimal digits, one use, ten minutes.

        :param code: the characters that it shall have.
        """
        _check(str, redirect_uri=redirect_uri)
        _check_given(str, code_challenge=code_challenge, code=code)
        return self._issuer.issue_code(redirect_uri, code_challenge, code)

    def issue_authorization(self, created_at: int | None = None,
                            expires_in: int | None = None,
                            redirect_uri: str | None = OUT_OF_BAND) -> dict[str, Any]:
        """The six values of a new pair, as in Trakt's answer: two numbers, four strings.

        :param redirect_uri: the one that a refresh has to name; None for any.
        """
        _check_given(str, redirect_uri=redirect_uri)
        _check_given(int, created_at=created_at, expires_in=expires_in)
        return self._issuer.issue_pair(redirect_uri=redirect_uri, created_at=created_at,
                                       expires_in=expires_in).response()

    def sign_in(self, address: str, *, allow: bool = True) -> str:
        """What a person gets who opens the authorize `address` and clicks Allow, or Deny.

        The address redirected to; out of band, the PIN (empty after Deny).

        :raises ValueError: Trakt would show an error in place of its page.
        """
        _check(str, address=address)
        _check(bool, allow=allow)
        parameters = dict(parse_qsl(urlsplit(address).query))
        try:
            api.check_authorization_request(parameters, self._issuer)
        except Refused as refused:
            raise ValueError(f"Trakt would refuse this address: {refused.description}") from None
        return api.sign_in(parameters, self._issuer, allow=allow)

    def activate(self, user_code: str, *, allow: bool = True) -> bool:
        """What a person does who enters `user_code`; False when no device waits with it."""
        _check(str, user_code=user_code)
        _check(bool, allow=allow)
        return self._issuer.decide_device(user_code, allow=allow)

    def honours_access(self, access_token: str) -> bool:
        """Would a call with this access token be answered now?"""
        _check(str, access_token=access_token)
        return self._issuer.honours_access(access_token)

    def honours_refresh(self, refresh_token: str) -> bool:
        """Would this refresh token work now?"""
        _check(str, refresh_token=refresh_token)
        return self._issuer.honours_refresh(refresh_token)

    def expire(self, access_token: str) -> None:
        """End an access token now, whatever was said about its lifetime.

        :raises ValueError: it was not issued here.
        """
        _check(str, access_token=access_token)
        try:
            self._issuer.expire(access_token)
        except KeyError:
            raise ValueError("this access token was not issued here") from None

    def revoke_all(self) -> None:
        """Revoke all tokens, as a user does who removes the app."""
        self._issuer.revoke_all()

    def answer(self, answer: Answer, times: int = 1, path: str = "/oauth/token") -> None:
        """Answer the next `times` requests to `path` in this way; more calls queue up. A path that
        is not served otherwise will do.
        """
        _check(Answer, answer=answer)
        _check(int, times=times)
        _check(str, path=path)
        _check_not_negative(times=times)
        if not path.startswith("/") or "?" in path:  # No request would ever match.
            raise ValueError('path has to begin with "/", and has no query')
        with self._lock:
            self._answers[path].extend([answer] * times)

    def hold(self, path: str = "/oauth/token", *, before: bool = False) -> Hold:
        """Hold the next request to `path` after (or `before`) processing it.

        Without ``with``, call :meth:`Hold.release` when done.
        """
        _check(bool, before=before)
        hold = Hold(path)
        self.answer(Answer(process=True, hold_before=hold if before else None,
                           hold=None if before else hold), path=path)
        return hold

    def _next_answer(self, path: str) -> Answer:
        with self._lock:
            queue = self._answers.get(path)
            return queue.popleft() if queue else Answer(process=True)

    def _process(self, call: api.Call, answer: Answer) -> api.Reply:
        reply = api.respond(call, self._issuer) if answer.process else api.Reply(200)
        body = reply.body if answer.body is None else answer.body
        reply = replace(reply, status=reply.status if answer.status is None else answer.status,
                        body=body + b" " * answer.padding,
                        headers={**reply.headers, **answer.headers})
        self._record(call, reply, cut=answer.cut in ("close", "reset"))
        return reply

    def _record(self, call: api.Call, reply: api.Reply, *, cut: bool) -> None:
        body = call.json()
        grant = "device_code" if call.path == "/oauth/device/token" else ""
        request = Request(method=call.method, path=call.path, query=call.query,
                          headers=call.headers, body=body, status=None if cut else reply.status,
                          time=self._issuer.clock(), issued=reply.issued,
                          grant=str((body or {}).get("grant_type", grant)), reuse=reply.reuse)
        with self._lock:
            self._ledger.append(request)
            self._ledger_size += _size_of(request)
            while len(self._ledger) > LONGEST_LEDGER or self._ledger_size > LARGEST_LEDGER:
                self._ledger_size -= _size_of(self._ledger.popleft())


def _check(kind: type, **given: object) -> None:
    """Refuse what would fail later, in a thread of the server's."""
    for name, value in given.items():
        if not isinstance(value, kind) or isinstance(value, bool) and kind is not bool:
            raise TypeError(f"{name} has to be of type {kind.__name__}, not {type(value).__name__}")


def _check_given(kind: type, **given: object) -> None:
    """The same, of what may be left out."""
    _check(kind, **{name: value for name, value in given.items() if value is not None})


def _check_not_negative(**given: int) -> None:
    for name, value in given.items():
        if value < 0:
            raise ValueError(f"{name} is negative")


def _size_of(request: Request) -> int:
    """The characters of what a client chose in it."""
    headers = sum(len(name) + len(value) for name, value in request.headers.items())
    return len(request.path) + len(request.query) + headers + len(repr(request.body))
