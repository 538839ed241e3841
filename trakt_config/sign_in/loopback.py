"""Receives the browser's redirect on this machine (RFC 8252, section 7.3). Knows no token.

    with listen(address, state) as receiver:
        parameters = receiver.wait(600)     # past favicons, wrong paths, wrong states, garbage
        receiver.answer("Done", "Close me") # only now does the browser's tab say something
"""
from __future__ import annotations

import errno
import hmac
import os
import queue
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Callable
from urllib.parse import parse_qs, urlsplit

from trakt_config.errors import ConfigError, os_reason
from trakt_config.oauth import is_loopback

#: Seconds that a client may take between two pieces of its request.
SLOWEST_CLIENT = 10

#: More than any browser opens.
MOST_CONNECTIONS = 100

#: Paths that a browser does not ask for as they are written.
_NORMALISED = re.compile(r"//|/\.\.?(?:/|$)")

#: localhost is not ::1 on this machine.
_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)

_ENDED = ("The sign-in was ended", "The terminal says why. You can close this tab.")

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy":
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>body {{ font: 1.1em/1.5 sans-serif; max-width: 32em; margin: 3em auto; padding: 0 1em }}\
</style>
</head>
<body>
<h1>{title}</h1>
<p>{text}</p>
</body>
</html>
"""


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
        self._redirects: queue.Queue[Mapping[str, str]] = queue.Queue()
        self._answered = threading.Event()
        self._page = _ENDED

    def wait(self, seconds: float, countdown: Callable[[float], object] = lambda left: None,
             ) -> Mapping[str, str] | None:
        """The parameters of the redirect; None when it has not come within `seconds`.

        :param countdown: gets the seconds that are left, once a second.
        """
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            countdown(left)
            try:
                return self._redirects.get(timeout=min(left, 1))
            except queue.Empty:
                pass

    def answer(self, title: str, text: str) -> None:
        """Show this, which is plain text, to whoever came with the redirect."""
        self._page = title, text
        self._answered.set()

    def end(self) -> None:
        """Show that it is over, unless something else was shown."""
        self._answered.set()

    def is_redirect(self, query: str) -> bool:
        """Whether the wait is over (RFC 6749, sections 3.1, 4.1.2 and 10.12)."""
        parameters = parse_qs(query)
        if any(len(values) > 1 for values in parameters.values()):
            return False
        redirect = {name: values[0] for name, values in parameters.items()}
        state = redirect.get("state", "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(state, self._state.encode("utf-8")):
            return False
        if not ("code" in redirect or "error" in redirect):
            return False
        self._redirects.put(redirect)
        return True

    def page(self) -> tuple[str, str]:
        """Title and text for whoever came with the redirect, once they are known."""
        self._answered.wait()
        return self._page


@contextmanager
def listen(address: Address, state: str) -> Iterator[Receiver]:
    """Listen until the end of the ``with`` block, and then no more, at once.

    :param state: what the redirect has to repeat (RFC 6749, section 10.12).
    :raises ConfigError: another program listens there, or the system does not allow it.
    """
    receiver = Receiver(address.path, state)
    servers: list[_Server] = []
    try:
        for host in address.hosts:
            servers += _servers_at(host, address, receiver)
        yield receiver
    finally:
        receiver.end()
        for server in servers:
            server.close()


def _servers_at(host: str, address: Address, receiver: Receiver) -> list[_Server]:
    """The server at `host`; none where localhost is 127.0.0.1 alone."""
    try:
        return [_Server(host, address.port, receiver)]
    except OSError as error:
        problem = os_reason(error)
        if host != address.hosts[0] and error.errno in _NO_IPV6:
            return []
    raise ConfigError(f"cannot listen on port {address.port} for the browser: {problem}",
                      hint="End the program that uses the port, or choose another port, here in "
                           "redirect_uri and at the Trakt app; or sign in without --browser.")


class _Server(ThreadingHTTPServer):
    """Listens at one address from now on, until :meth:`close`, which also ends its threads."""

    daemon_threads = False
    # On Windows that would let two programs listen on one port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, host: str, port: int, receiver: Receiver) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.receiver = receiver
        self._connections: set[Any] = set()
        super().__init__((host, port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,),
                                        name="trakt_config loopback", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        for connection in list(self._connections):
            _read_no_more(connection)
        self.server_close()

    def server_bind(self) -> None:
        # Not HTTPServer's, which looks up the host's name: slow where there is no DNS.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return len(self._connections) < MOST_CONNECTIONS

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or never spoke HTTP, is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    """Answers one request. Only the redirect that is waited for ends the wait."""

    timeout = SLOWEST_CLIENT
    server: _Server
    server_version, sys_version = "trakt_config", ""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        receiver = self.server.receiver
        if path != receiver.path:
            self._show(404, "Nothing here", "trakt-config waits for Trakt's answer elsewhere.")
        elif receiver.is_redirect(query):
            self._show(200, *receiver.page())
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
        page = _PAGE.format(title=escape(title), text=escape(text)).encode("utf-8")
        self.close_connection = True
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)


def _read_no_more(connection: socket.socket) -> None:
    """End the wait for a client that says nothing; what is being written still arrives."""
    try:
        connection.shutdown(socket.SHUT_RD)
    except OSError:  # It is closed already.
        pass
