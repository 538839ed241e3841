"""One HTTP request with bounds on its time and size, and a plain word on what went wrong.

What requests leaves open is closed here: its ``timeout`` bounds one read and not the answer, it
follows redirects with the body, it adds passwords from ``~/.netrc``, and its exceptions hold the
request. requests itself is imported by the functions that send, and by nothing else.
"""
from __future__ import annotations

import _thread
import ipaddress
import socket
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from trakt_config.errors import TraktUnavailable
from trakt_config.oauth import limits
from trakt_config.oauth.http_errors import explained

if TYPE_CHECKING:
    import requests

#: Bytes of an answer, after decompression. Trakt's have less than one KiB.
LONGEST_ANSWER = 256 * 1024


@dataclass(frozen=True)
class Answer:
    """What came back: header names in lower case, the body decompressed.

    ``problem`` is empty for a whole body; else it says why ``body`` is only its beginning.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    problem: str = ""


class Watch:
    """Cuts the connection of one request at its deadline, and knows how far the request came.

    A duplicate of the socket is what gets shut down: it reaches a TLS handshake as well, which
    runs on an object that nobody else holds yet. Its thread is not a ``threading.Timer``, whose
    locks an exception of a signal handler can leave locked.
    """

    def __init__(self, seconds: float) -> None:
        self.connecting = False
        self.connected = False
        self.expired = False
        self._lock = threading.Lock()
        self._duplicates: list[socket.socket] = []
        self._seconds = max(0.0, min(seconds, threading.TIMEOUT_MAX))
        self._done = threading.Lock()
        self._done.acquire()

    def __enter__(self) -> Watch:
        """Start.

        :raises TraktUnavailable: the system gives no thread.
        """
        try:
            _thread.start_new_thread(self._wait, ())
            return self
        except RuntimeError:
            pass
        raise TraktUnavailable("the system gave no thread for the request",
                               hint="Nothing was sent to Trakt. Try again.")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._done.release()
        with self._lock:
            for duplicate in self._duplicates:
                duplicate.close()
            self._duplicates.clear()

    def guard(self, sock: socket.socket) -> None:
        """Shut `sock` down at the deadline, or now if that has passed."""
        with self._lock:
            self._duplicates.append(sock.dup())
            if self.expired:
                self._shut_down()

    def may_send(self) -> None:
        """Note that bytes of the body may leave from now on.

        :raises TimeoutError: the deadline has passed; nothing may be sent any more.
        """
        with self._lock:
            if self.expired:
                raise TimeoutError("too late to send")
            self.connected = True

    def _wait(self) -> None:
        if not self._done.acquire(timeout=self._seconds):
            with self._lock:
                self.expired = True
                self._shut_down()

    def _shut_down(self) -> None:
        for duplicate in self._duplicates:
            try:
                duplicate.shutdown(socket.SHUT_RDWR)
            except OSError:  # the peer was faster
                pass


def call(method: str, url: str, *, headers: Mapping[str, str], body: bytes | None,
         timeout: float, session: requests.Session | None = None) -> Answer:
    """Send one request over a connection of its own, and read at most ``LONGEST_ANSWER`` bytes.

    Redirects are not followed; ``~/.netrc`` and the headers, cookies and auth of `session` are not
    used; proxies and CA bundles from the environment are, except that loopback hosts bypass
    proxies. A body that is cut off, or too long, is returned as far as it came: see ``problem``.

    :param timeout: seconds for everything after the name is resolved and connected to (at most
        5 s an address), dripping headers and bodies included. With a caller's `session`, whose
        connections cannot be cut, it bounds each read of the head, and the body as a whole.
    :raises TraktUnavailable: no answer; ``outcome_unknown`` unless certainly nothing was sent.
    """
    host = urlsplit(url).hostname or ""
    with Watch(timeout) as watch:
        try:
            return _send(watch, method, url, headers, body, timeout, session)
        except _foreign_exceptions() as error:
            failure = explained(error, host=host, timeout=timeout, connecting=watch.connecting,
                                connected=watch.connected, expired=watch.expired)
    # Raised out here: the caught exception holds the request, and would be this one's context.
    raise failure


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: localhost, 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _foreign_exceptions() -> tuple[type[Exception], ...]:
    """What requests lets through: OSError has its own exceptions, ValueError those of addresses."""
    import http.client

    import urllib3

    return (OSError, ValueError, urllib3.exceptions.HTTPError, http.client.HTTPException)


def _send(watch: Watch, method: str, url: str, headers: Mapping[str, str],
          body: bytes | None, timeout: float, session: requests.Session | None) -> Answer:
    connect = limits.CONNECT_TIMEOUT
    if session is not None:
        return _send_with(session, watch, method, url, headers, body, (connect, timeout))
    with _watched_session(watch) as own:
        # The watch comes first, so that what has arrived by then is kept.
        return _send_with(own, watch, method, url, headers, body, (connect, timeout + 5))


def _send_with(session: requests.Session, watch: Watch, method: str, url: str,
               headers: Mapping[str, str], body: bytes | None,
               timeouts: tuple[float, float]) -> Answer:
    import requests

    # Prepared without the session: its headers, cookies, auth and ~/.netrc stay out.
    request = requests.Request(method, url, headers=dict(headers), data=body,
                               hooks={"response": _forget_redirect}).prepare()
    settings = session.merge_environment_settings(url, {}, True, None, None)
    if is_loopback(urlsplit(url).hostname or ""):
        settings["proxies"] = {}
    connect, read = timeouts
    response = session.send(request, timeout=(min(connect, read), read), allow_redirects=False,
                            **settings)
    try:
        return _read(response, watch)
    finally:
        response.close()


def _forget_redirect(response: requests.Response, **_: Any) -> None:
    # Session.send reads all of a redirect's body, without a bound, even when told not to follow.
    response.headers.pop("Location", None)


def _read(response: requests.Response, watch: Watch) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    body, problem = _read_body(response.raw, watch)
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        body, problem = _decompressed(body, problem)
    if len(body) > LONGEST_ANSWER:
        body, problem = body[:LONGEST_ANSWER], "the answer is far too long"
    return Answer(response.status_code, headers, body, problem)


def _read_body(raw: Any, watch: Watch) -> tuple[bytes, str]:
    # read1 gives what is there. urllib3 1 has only read, which waits for all that it is asked
    # for, and loses what has come when the rest does not: byte by byte, then.
    read, size = (raw.read1, 16 * 1024) if hasattr(raw, "read1") else (raw.read, 1)
    body = bytearray()
    try:
        while len(body) <= LONGEST_ANSWER and not watch.expired:
            piece = read(size, decode_content=False)
            if not piece:
                break
            body += piece
    except _foreign_exceptions():
        return bytes(body), "the answer was cut off"
    return bytes(body), "the answer took too long" if watch.expired else ""


def _decompressed(body: bytes, problem: str) -> tuple[bytes, str]:
    # Asked for or not, gzip and deflate (RFC 9110, section 8.4.1) come from some proxies.
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        return stream.decompress(body, LONGEST_ANSWER + 1), problem
    except zlib.error:
        return body, "the answer is compressed in a way that was not asked for"


def _watched_session(watch: Watch) -> requests.Session:
    """A session for one request, without retries, whose connections `watch` can cut."""
    import requests
    from requests.adapters import HTTPAdapter

    class WatchedAdapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
            super().init_poolmanager(*args, **kwargs)
            _watch_connections(self.poolmanager, watch)

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(*args, **kwargs)
            _watch_connections(manager, watch)
            return manager

    session = requests.Session()
    session.mount("https://", WatchedAdapter())
    session.mount("http://", WatchedAdapter())
    return session


def _watch_connections(manager: Any, watch: Watch) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _watched_pool(pool, watch)
        for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _watched_pool(pool: Any, watch: Watch) -> Any:
    class WatchedConnection(pool.ConnectionCls):  # type: ignore[misc]
        debuglevel = 0  # http.client's would print the body, secrets and all

        def connect(self) -> None:
            watch.connecting = True
            super().connect()
            watch.may_send()

        def _new_conn(self) -> Any:
            sock = super()._new_conn()
            watch.guard(sock)
            return sock

    class WatchedPool(pool):  # type: ignore[misc]
        ConnectionCls = WatchedConnection

    return WatchedPool
