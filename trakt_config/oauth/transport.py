"""One HTTP request with bounds on its time and size, and a plain word on what went wrong.

What requests leaves open is closed here: its ``timeout`` bounds one read and not the answer, it
follows redirects with the body, it adds passwords from ``~/.netrc``, and its exceptions hold the
request. requests itself is imported by the functions that send, and by nothing else.
"""
from __future__ import annotations

import io
import ipaddress
import time
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from trakt_config.oauth import limits
from trakt_config.oauth.http_errors import explained, raised_by_signal
from trakt_config.oauth.patience import PatientReader, Watch, be_patient
from trakt_config.startup import Record, hidden

if TYPE_CHECKING:
    import requests

#: Bytes of an answer, after decompression. Trakt's have less than one KiB.
LONGEST_ANSWER = 256 * 1024

#: Seconds; a read that took longer had to wait. (For answers that come from no socket of ours.)
WAITED = 0.05

TOO_LONG = "the answer took too long"


class HttpResponse(Record):
    """What came back: header names in lower case, the body decompressed.

    ``problem`` is empty for a whole body; else it says why ``body`` is only its beginning.
    """

    status: int
    headers: Mapping[str, str] = hidden()
    body: bytes = hidden()
    problem: str = ""


def call(method: str, url: str, *, headers: Mapping[str, str], body: bytes | None,
         timeout: float, session: requests.Session | None = None) -> HttpResponse:
    """Send one request over a connection of its own, and read at most ``LONGEST_ANSWER`` bytes.

    Redirects are not followed; ``~/.netrc`` and the headers, cookies and auth of `session` are not
    used; proxies and CA bundles from the environment are, except that loopback hosts bypass
    proxies. A body that is cut off, or too long, is returned as far as it came: see ``problem``.

    :param timeout: seconds for everything after the name is resolved and connected to (at most
        5 s an address), dripping headers and bodies included. It bounds waiting: what has arrived
        is read, however late it is. With a session whose class or adapter is a caller's own, it
        bounds each read of the head, and the body as a whole.
    :raises TraktUnavailable: no answer; ``outcome_unknown`` unless certainly nothing was sent;
        what that means for what was sent, :func:`.answers.in_doubt` knows.
    """
    host = urlsplit(url).hostname or ""
    own = session is None or _is_plain(session, url)
    with Watch(timeout) as watch:
        try:
            if not own:
                assert session is not None
                return _send(session, watch, method, url, headers, body, timeout)
            with _watched_session(watch, session) as watched:
                # The watch comes first, so that what has arrived by then is kept.
                return _send(watched, watch, method, url, headers, body, timeout + 5)
        except Exception as error:  # Of whatever kind: a session of the caller's raises its own.
            failure = raised_by_signal(error) or explained(
                error, watch, host, foreign=not own, repeats=not own and _repeats(session, url))
    # Raised out here: the caught exception holds the request, and would be this one's context.
    try:
        raise failure
    finally:
        del failure  # It knows this frame.


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: localhost, 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_plain(session: requests.Session, url: str) -> bool:
    """Whether nothing but the settings of a caller's session tells it from one of our own."""
    import requests
    from requests.adapters import HTTPAdapter

    return (type(session) is requests.Session and "send" not in vars(session)
            and type(session.get_adapter(url)) is HTTPAdapter)


def _repeats(session: requests.Session | None, url: str) -> bool:
    """Whether a caller's adapter may send more than once, and the last error tells of the last."""
    try:
        retries = session.get_adapter(url).max_retries  # type: ignore[union-attr]
        return any((retries.total, retries.connect, retries.read, retries.other))
    except Exception:  # Of whatever kind it is.
        return False


def _send(session: requests.Session, watch: Watch, method: str, url: str,
          headers: Mapping[str, str], body: bytes | None, timeout: float) -> HttpResponse:
    import requests

    # Prepared without the session: its headers, cookies, auth and ~/.netrc stay out.
    request = requests.Request(method, url, headers=dict(headers), data=body,
                               hooks={"response": _forget_redirect}).prepare()
    settings = session.merge_environment_settings(url, {}, True, None, None)
    if is_loopback(urlsplit(url).hostname or ""):
        settings["proxies"] = {}
    watch.proxied = bool(requests.utils.select_proxy(url, settings["proxies"]))
    timeouts = (min(limits.CONNECT_TIMEOUT, timeout), timeout)
    response = session.send(request, timeout=timeouts, allow_redirects=False, **settings)
    try:
        return _read(response, watch)
    finally:
        response.close()


def _forget_redirect(response: requests.Response, **_: Any) -> None:
    # Session.send reads all of a redirect's body, without a bound, even when told not to follow.
    response.headers.pop("Location", None)


def _read(response: requests.Response, watch: Watch) -> HttpResponse:
    headers = {name.lower(): value for name, value in response.headers.items()}
    body, problem = _read_body(response.raw, watch)
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        body, problem = _decompressed(body, problem)
    if len(body) > LONGEST_ANSWER:
        body, problem = body[:LONGEST_ANSWER], "the answer is far too long"
    return HttpResponse(response.status_code, headers, body, problem)


def _read_body(raw: Any, watch: Watch) -> tuple[bytes, str]:
    be_patient(getattr(raw, "_fp", None), watch)
    # read1 gives what is there. urllib3 1 has only read, which waits for all that it is asked
    # for, and loses what has come when the rest does not: byte by byte, then.
    read, size = (raw.read1, 16 * 1024) if hasattr(raw, "read1") else (raw.read, 1)
    body = bytearray()
    try:
        while len(body) <= LONGEST_ANSWER:
            late, begun = watch.left() <= 0, time.monotonic()
            piece = read(size, decode_content=False)
            if not piece:
                break
            body += piece
            if late and time.monotonic() - begun > WAITED:
                return bytes(body), TOO_LONG
    except Exception as error:  # Whatever a caller's own adapter raises: what has come, has come.
        if raised_by_signal(error):
            raise
        return bytes(body), TOO_LONG if watch.expired else "the answer was cut off"
    return bytes(body), ""


def _decompressed(body: bytes, problem: str) -> tuple[bytes, str]:
    # Asked for or not, gzip and deflate (RFC 9110, section 8.4.1) come from some proxies.
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        return stream.decompress(body, LONGEST_ANSWER + 1), problem
    except zlib.error:
        return body, "the answer is compressed in a way that was not asked for"


def _watched_session(watch: Watch, settings: requests.Session | None) -> requests.Session:
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
    if settings is not None:
        session.proxies, session.verify = settings.proxies, settings.verify
        session.cert, session.trust_env = settings.cert, settings.trust_env
    session.mount("https://", WatchedAdapter())
    session.mount("http://", WatchedAdapter())
    return session


def _watch_connections(manager: Any, watch: Watch) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _watched_pool(pool, watch)
        for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _watched_pool(pool: Any, watch: Watch) -> Any:
    class WatchedResponse(pool.ConnectionCls.response_class):  # type: ignore[misc]
        fp: Any

        def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            if watch.connected:  # Before that, a proxy speaks.
                watch.has_sent()
                self.fp = io.BufferedReader(PatientReader(sock, watch, self.fp))

        def begin(self) -> None:
            super().begin()
            while 100 < self.status < 200 and self.status != 101:
                self.headers = None  # An interim answer (RFC 9110, section 15.2): the next, please.
                super().begin()

    class WatchedConnection(pool.ConnectionCls):  # type: ignore[misc]
        response_class = WatchedResponse
        debuglevel = 0  # http.client's would print the body, secrets and all

        def connect(self) -> None:
            watch.connecting = True
            super().connect()
            watch.may_send()
            self.sock.settimeout(max(0.1, watch.left()))  # For sending; reading has the watch.

        def _new_conn(self) -> Any:
            sock = super()._new_conn()
            watch.guard(sock)
            return sock

    class WatchedPool(pool):  # type: ignore[misc]
        ConnectionCls = WatchedConnection

    return WatchedPool
