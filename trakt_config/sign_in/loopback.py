"""Receives the browser's redirect on this machine (RFC 8252, section 7.3). Knows no token.

    with listen(address, state) as receiver:
        parameters = receiver.wait(600)     # past favicons, wrong paths, wrong states, garbage
        receiver.answer("Done", "Close me") # only now does the browser's tab say something

The end of the ``with`` block takes a second at most, whoever is connected (see :mod:`.server`).
"""
from __future__ import annotations

import errno
import hmac
import io
import queue
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Callable
from urllib.parse import parse_qs, urlsplit

from trakt_config.errors import (
    ConfigError,
    TraktConfigError,
    came_by_signal,
    os_reason,
    pass_on_hosts,
)
from trakt_config.oauth import is_loopback
from trakt_config.sign_in import pages
from trakt_config.sign_in.server import MOST_CONNECTIONS, Server, serving

#: Paths that a browser does not ask for as they are written.
_NORMALISED = re.compile(r"//|/\.\.?(?:/|$)")

#: localhost is not ::1 on this machine.
_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy":
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
}


@dataclass(frozen=True)
class Address:
    """A loopback redirect URI: where to listen, and for which path."""

    hosts: tuple[str, ...]
    port: int
    path: str


def address_of(redirect_uri: str) -> Address | None:
    """Where to listen; None unless it is an http address of this machine that names a port.

    ``localhost`` may be 127.0.0.1 or ::1 to the browser, so it means both.
    """
    try:
        parts = urlsplit(redirect_uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme != "http" or not port or not is_loopback(host) \
            or "@" in parts.netloc or "#" in redirect_uri or _NORMALISED.search(parts.path):
        return None
    hosts = ("127.0.0.1", "::1") if host == "localhost" else (host,)
    return Address(hosts, port, parts.path or "/")


class Receiver:
    """Waits for one redirect and keeps its connection open until it is answered."""

    def __init__(self, path: str, state: str) -> None:
        self.path = path
        self._state = state
        self._redirects: queue.SimpleQueue[Mapping[str, str] | TraktConfigError] = \
            queue.SimpleQueue()
        self._server: Server | None = None

    def wait(self, seconds: float, countdown: Callable[[float], object] = lambda left: None,
             ) -> Mapping[str, str] | None:
        """The parameters of the redirect; None when it has not come within `seconds`.

        :param countdown: gets the seconds that are left, once a second.
        :raises TraktConfigError: what :meth:`give_up` was given.
        """
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            countdown(left)
            with suppress(queue.Empty):
                redirect = self._redirects.get(timeout=min(left, 1))
                if isinstance(redirect, TraktConfigError):
                    raise redirect
                return redirect

    def give_up(self, error: TraktConfigError) -> None:
        """End the wait with this error, unless the redirect has come: from any thread."""
        self._redirects.put(error)

    def answer(self, title: str, text: str) -> None:
        """Show this, which is plain text, to whoever came with the redirect."""
        if self._server is not None:
            self._server.answer(_response(200, title, text))

    def respond(self, received: bytes) -> bytes | None:
        """What to say to a request; None for the redirect, which :meth:`answer` answers."""
        return _Request(self, received).response

    def is_redirect(self, query: str) -> bool:
        """Whether the wait is over (RFC 6749, sections 3.1, 4.1.2 and 10.12)."""
        parameters = parse_qs(query)
        if any(len(values) > 1 for values in parameters.values()):
            return False
        redirect = {name: values[0] for name, values in parameters.items()}
        state = redirect.get("state", "").encode("utf-8", "surrogatepass")
        if not (hmac.compare_digest(state, self._state.encode("utf-8"))
                and ("code" in redirect or "error" in redirect)):
            return False
        self._redirects.put(redirect)
        return True


@contextmanager
def listen(address: Address, state: str) -> Iterator[Receiver]:
    """Listen until the end of the ``with`` block, and then no more, at once.

    :param state: what the redirect has to repeat (RFC 6749, section 10.12).
    :raises ConfigError: another program listens there, or the system does not allow it.
    """
    receiver = Receiver(address.path, state)
    ended = _response(200, "The sign-in was ended", "trakt-config was ended here; its status "
                                                    "command says what is in the config.")
    with serving(_listeners(address), receiver.respond, ended) as server:
        receiver._server = server
        yield receiver


def _listeners(address: Address) -> list[socket.socket]:
    """Sockets that listen at each host; one is enough where localhost is 127.0.0.1 alone."""
    listeners: list[socket.socket] = []
    for host in address.hosts:
        try:
            listeners.append(socket.create_server(
                (host, address.port), backlog=MOST_CONNECTIONS,
                family=socket.AF_INET6 if ":" in host else socket.AF_INET))
        except OSError as error:
            if host != address.hosts[0] and error.errno in _NO_IPV6 and not came_by_signal(error):
                continue
            for listener in listeners:
                listener.close()
            pass_on_hosts(error)
            raise ConfigError(
                f"cannot listen on port {address.port} for the browser: {os_reason(error)}",
                hint="End the program that uses the port, or choose another port, here in "
                     "redirect_uri and at the Trakt app; or sign in with a code instead.") from None
    return listeners


class _Request(BaseHTTPRequestHandler):
    """One request that has come whole. Only the redirect that is waited for ends the wait."""

    def __init__(self, receiver: Receiver, received: bytes) -> None:
        self.response: bytes | None = b""
        self._receiver = receiver
        self.rfile = io.BufferedReader(io.BytesIO(received))
        self.wfile = io.BytesIO()
        self.close_connection = True
        self.handle_one_request()

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path != self._receiver.path:
            self._show(404, "Nothing here", "trakt-config waits for Trakt's answer elsewhere.")
        elif self._receiver.is_redirect(query):
            self.response = None
        else:
            self._show(400, "Not this sign-in", "This is not the answer to the sign-in that "
                                                "trakt-config has begun. It still waits.")

    def send_error(self, code: int, message: str | None = None,
                   explain: str | None = None) -> None:
        """For what http.server refuses by itself: other methods, and what is not HTTP."""
        self._show(code, "Not understood", "trakt-config waits for Trakt's answer.")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the address of a redirect holds the authorization code."""

    def _show(self, status: int, title: str, text: str) -> None:
        self.response = _response(status, title, text, with_body=self.command != "HEAD")


def _response(status: int, title: str, text: str, *, with_body: bool = True) -> bytes:
    page = pages.page(title, text).encode("utf-8")
    reason = BaseHTTPRequestHandler.responses[status][0]
    headers = {**_HEADERS, "Server": "trakt_config", "Content-Length": str(len(page))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode("ascii")
    return head + page if with_body else head
