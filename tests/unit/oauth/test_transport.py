"""The watch over one request, and what an exception of requests gives away."""
from __future__ import annotations

import socket
import ssl
import sys
import threading
import time

import pytest
import requests
import urllib3

from tests.support.interruptions import Interruption, Tracer
from trakt_config.oauth import patience
from trakt_config.oauth.http_errors import explained, may_have_sent
from trakt_config.oauth.patience import Watch
from trakt_config.oauth.transport import is_loopback

#: Each row is a rule of its own, and takes a millisecond or two: all of them, in every run.
pytestmark = pytest.mark.sampled(1)


def test_watch_shuts_the_connection() -> None:
    """The other end sees the end of the stream at the deadline."""
    ours, theirs = socket.socketpair()
    with ours, theirs, Watch(0.05) as watch:
        watch.guard(ours)
        theirs.settimeout(5)
        assert theirs.recv(1) == b"" and watch.expired


def test_watch_shuts_a_late_connection_at_once() -> None:
    """A connection that comes after the deadline sends nothing."""
    ours, theirs = socket.socketpair()
    with ours, theirs, Watch(0) as watch:
        while not watch.expired:
            time.sleep(0.001)
        with pytest.raises(TimeoutError):
            watch.may_send()
        watch.guard(ours)
        theirs.settimeout(5)
        assert theirs.recv(1) == b"" and not watch.connected


def test_watch_leaves_a_finished_request_alone() -> None:
    """Nothing is cut, and no descriptor is left, once the request is over."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with Watch(60) as watch:
            watch.guard(ours)
            watch.may_send()
        ours.sendall(b"x")
        assert theirs.recv(1) == b"x" and watch.connected and not watch.expired


def test_an_interrupted_watch_ends() -> None:
    """Wherever a signal handler raises: its thread is gone when its time is over, at the latest."""
    def watched(at: int | None) -> int:
        tracer = Tracer({patience.__file__, threading.__file__}, at)
        try:
            with tracer, Watch(0.1):
                pass
        except Interruption:
            pass
        return tracer.count
    before = set(sys._current_frames())
    for at in range(1, watched(None) + 1):
        watched(at)
    deadline = time.monotonic() + 10
    while set(sys._current_frames()) - before:
        assert time.monotonic() < deadline, "a thread waits for what nobody will release"
        time.sleep(0.01)


@pytest.mark.parametrize("host, expected", [
    ("localhost", True), ("LOCALHOST", True), ("127.0.0.1", True), ("127.255.0.9", True),
    ("::1", True), ("", False), ("0.0.0.0", False), ("10.0.0.1", False), ("::2", False),
    ("localhost.example", False), ("127.0.0.1.example", False),
])
def test_loopback(host: str, expected: bool) -> None:
    """By the address, never by asking a name server."""
    assert is_loopback(host) is expected


def wrapped(reason: Exception) -> requests.RequestException:
    """As requests raises it."""
    pool = urllib3.HTTPSConnectionPool("auth.trakt.tv")
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/oauth/token", reason))


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


CONNECTION = urllib3.connection.HTTPSConnection("auth.trakt.tv")
NEW = urllib3.exceptions.NewConnectionError(CONNECTION, "x")


@pytest.mark.parametrize("error, sent", [
    pytest.param(wrapped(NEW), False, id="no connection"),
    pytest.param(wrapped(caused(NEW, ConnectionRefusedError())), False, id="refused"),
    pytest.param(wrapped(caused(NEW, socket.gaierror())), False, id="no such name"),
    pytest.param(requests.exceptions.SSLError(ssl.SSLCertVerificationError()), False,
                 id="certificate"),
    pytest.param(requests.exceptions.SSLError("bad handshake"), False, id="TLS before OpenSSL"),
    pytest.param(requests.exceptions.SSLError(ssl.SSLError("alert")), True,
                 id="an alert at any time"),
    pytest.param(requests.exceptions.SSLError(ssl.SSLEOFError("eof")), True,
                 id="an end at any time"),
    pytest.param(requests.ConnectionError(urllib3.exceptions.ProtocolError(
        "Connection aborted.", ConnectionResetError())), True, id="reset at any time"),
    pytest.param(requests.ConnectionError(urllib3.exceptions.ProtocolError(
        "Connection aborted.", OSError("Tunnel connection failed: 407"))), False, id="tunnel"),
    pytest.param(wrapped(urllib3.exceptions.ReadTimeoutError(
        CONNECTION, "/", "x")), True, id="read timeout"),  # type: ignore[arg-type]
    pytest.param(requests.exceptions.InvalidHeader(), False, id="a header that is none"),
    pytest.param(ValueError(), True, id="something else"),
])
def test_may_have_sent(error: Exception, sent: bool) -> None:
    """For sessions whose connections are not watched: in doubt, it was sent."""
    assert may_have_sent(error) is sent


def test_timeout_of_a_handshake() -> None:
    """urllib3 calls it a read timeout, but nothing was sent."""
    watch = Watch(40)
    watch.connecting = True
    error = explained(requests.exceptions.ReadTimeout(), watch, "auth.trakt.tv")
    assert "the TLS connection to auth.trakt.tv timed out" in str(error)
    assert not error.outcome_unknown
