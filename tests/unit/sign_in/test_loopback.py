"""The receiver of the browser's redirect: what ends the wait, what does not, what is shown."""
from __future__ import annotations

import contextlib
import gc
import http.client
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType
from typing import Any

import pytest

from tests.support.injection import FULL
from trakt_config.errors import ConfigError
from trakt_config.sign_in import server
from trakt_config.sign_in.loopback import Address, Receiver, address_of, listen

STATE = "the-state-of-this-sign-in"
REDIRECT = f"/callback?code=the-code&state={STATE}"


@pytest.fixture
def receiver(port: int) -> Iterator[Receiver]:
    with listen(Address(("127.0.0.1",), port, "/callback"), STATE) as listening:
        yield listening


@pytest.fixture
def browser() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def visit(port: int, path: str, method: str = "GET",
          host: str = "127.0.0.1") -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode("utf-8")
    finally:
        connection.close()


def say(port: int, request: bytes) -> bytes:
    """Send bytes that need not be HTTP, and read until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        parts = []
        try:
            while part := client.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("redirect_uri, address", [
    ("http://127.0.0.1:8765/callback", Address(("127.0.0.1",), 8765, "/callback")),
    ("http://127.0.0.2:1", Address(("127.0.0.2",), 1, "/")),
    ("http://[::1]:8765/a/b?c=d", Address(("::1",), 8765, "/a/b")),
    ("http://localhost:8765/callback", Address(("127.0.0.1", "::1"), 8765, "/callback")),
    ("HTTP://LOCALHOST:8765/", Address(("127.0.0.1", "::1"), 8765, "/")),
    ("urn:ietf:wg:oauth:2.0:oob", None),
    ("https://127.0.0.1:8765/callback", None),
    ("http://127.0.0.1/callback", None),
    ("http://127.0.0.1:0/callback", None),
    ("http://127.0.0.1:99999/callback", None),
    ("http://127.0.0.1:8765/callback#here", None),
    ("http://user@127.0.0.1:8765/callback", None),
    ("http://192.168.1.2:8765/callback", None),
    ("http://example.org:8765/callback", None),
    ("http://[::1:8765/callback", None),
    ("", None),
])
def test_address_of(redirect_uri: str, address: Address | None) -> None:
    assert address_of(redirect_uri) == address


def test_the_redirect_ends_the_wait_and_the_page_comes_after_the_answer(
        receiver: Receiver, port: int, browser: ThreadPoolExecutor) -> None:
    page: Future[tuple[int, dict[str, str], str]] = browser.submit(visit, port, REDIRECT)
    assert receiver.wait(10) == {"code": "the-code", "state": STATE}
    time.sleep(0.05)
    assert not page.done()
    receiver.answer("Done", "Close this tab.")
    status, headers, text = page.result(10)
    assert (status, headers["Cache-Control"], headers["Referrer-Policy"]) == (
        200, "no-store", "no-referrer")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Python" not in headers["Server"]
    assert "<h1>Done</h1>" in text and "<p>Close this tab.</p>" in text


def test_an_error_is_an_answer(receiver: Receiver, port: int, browser: ThreadPoolExecutor) -> None:
    browser.submit(visit, port, f"/callback?error=access_denied&state={STATE}")
    assert receiver.wait(10) == {"error": "access_denied", "state": STATE}
    receiver.answer("Denied", "")


def test_everything_shown_is_escaped(receiver: Receiver, port: int,
                                     browser: ThreadPoolExecutor) -> None:
    page = browser.submit(visit, port, REDIRECT)
    receiver.wait(10)
    receiver.answer("<b>&", "<script>alert('x')</script>")
    text = page.result(10)[2]
    assert "<script>" not in text and "&lt;b&gt;&amp;" in text


@pytest.mark.parametrize("path, method, status", [
    pytest.param("/favicon.ico", "GET", 404, id="a favicon"),
    pytest.param("/", "GET", 404, id="another path"),
    pytest.param(f"/callback/?code=c&state={STATE}", "GET", 404, id="nearly the path"),
    pytest.param("/callback", "GET", 400, id="no parameters"),
    pytest.param("/callback?code=c", "GET", 400, id="no state"),
    pytest.param("/callback?code=c&state=wrong", "GET", 400, id="a wrong state"),
    pytest.param("/callback?code=c&state=%F0%9F%98%80%FF", "GET", 400, id="a state not ASCII"),
    pytest.param(f"/callback?state={STATE}", "GET", 400, id="neither code nor error"),
    pytest.param(f"/callback?code=&state={STATE}", "GET", 400, id="an empty code"),
    pytest.param(f"/callback?code=a&code=b&state={STATE}", "GET", 400, id="two codes"),
    pytest.param(f"/callback?code=c&state=x&state={STATE}", "GET", 400, id="two states"),
    pytest.param(REDIRECT, "POST", 501, id="POST"),
    pytest.param(REDIRECT, "HEAD", 501, id="HEAD"),
    pytest.param("/callback?" + "x" * 70000, "GET", 414, id="a long address"),
])
def test_a_stray_request_does_not_end_the_wait(path: str, method: str, status: int,
                                               receiver: Receiver, port: int) -> None:
    answer, _, text = visit(port, path, method)
    assert answer == status
    assert STATE not in text and "Python" not in text
    assert receiver.wait(0.01) is None


@pytest.mark.parametrize("request_", [
    b"", b"\r\n", b"\0" * 3000, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n",
    b"GET /callback HTTP/9.9\r\n\r\n", b"GET <script> HTTP/1.1\r\n\r\n", b"EHLO there\r\n",
    b"GET /x HTTP/1.1\r\n" + b"a: b\r\n" * 500 + b"\r\n",
])
def test_garbage_does_not_end_the_wait(request_: bytes, receiver: Receiver, port: int,
                                       capfd: pytest.CaptureFixture[str]) -> None:
    assert b"<script>" not in say(port, request_)
    assert receiver.wait(0.01) is None
    assert capfd.readouterr() == ("", "")


def test_silent_clients_hold_nobody_up(receiver: Receiver, port: int,
                                       browser: ThreadPoolExecutor) -> None:
    """Browsers open connections ahead of time, and never use some of them."""
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    silent[0].sendall(b"GET /callb")
    page = browser.submit(visit, port, REDIRECT)
    assert receiver.wait(10) is not None
    receiver.answer("Done", "")
    assert page.result(10)[0] == 200
    for client in silent:
        client.close()


def test_a_client_that_drips_is_cut_off_all_the_same(
        monkeypatch: pytest.MonkeyPatch, receiver: Receiver, port: int) -> None:
    """One deadline for the whole request: what comes meanwhile does not put it off."""
    monkeypatch.setattr(server, "SLOWEST_CLIENT", 0.2)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        with pytest.raises(OSError):
            for _ in range(1000):
                client.sendall(b"x")
                time.sleep(0.01)


def test_a_client_that_does_not_take_its_page_is_cut_off(
        monkeypatch: pytest.MonkeyPatch, receiver: Receiver, port: int) -> None:
    monkeypatch.setattr(server, "SLOWEST_CLIENT", 0.2)
    monkeypatch.setattr(receiver, "respond", lambda received: b"x" * 50_000_000)
    monkeypatch.setattr(receiver._server, "_respond", receiver.respond)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert receiver._server is not None
        while not receiver._server._connections:
            time.sleep(0.01)
        while receiver._server._connections:
            time.sleep(0.01)


def test_many_silent_clients_make_room(monkeypatch: pytest.MonkeyPatch, receiver: Receiver,
                                       port: int, browser: ThreadPoolExecutor) -> None:
    """The oldest goes; the redirect, which waits for its answer, does not."""
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    page = browser.submit(visit, port, REDIRECT)
    assert receiver.wait(10) is not None
    silent = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(4)]
    assert [client.recv(1) for client in silent[:3]] == [b"", b"", b""]
    receiver.answer("Done", "")
    assert page.result(10)[0] == 200
    for client in silent:
        client.close()


def test_a_redirect_that_comes_twice_gets_the_same_page(
        receiver: Receiver, port: int, browser: ThreadPoolExecutor) -> None:
    pages = [browser.submit(visit, port, REDIRECT) for _ in range(2)]
    assert receiver.wait(10) and receiver.wait(10)
    receiver.answer("Done", "")
    assert [page.result(10)[2].count("<h1>Done</h1>") for page in pages] == [1, 1]


def test_nobody_comes(receiver: Receiver) -> None:
    seen: list[float] = []
    assert receiver.wait(0.02, seen.append) is None
    assert len(seen) == 1 and 0 < seen[0] <= 0.02


def test_it_closes_at_once_whoever_is_connected(
        monkeypatch: pytest.MonkeyPatch, port: int, browser: ThreadPoolExecutor) -> None:
    """The redirect that was never answered learns that it is over; nobody can come any more.

    Nor is a silent client given the time that those have who are being answered.
    """
    for limit in ("SLOWEST_CLIENT", "SLOWEST_END", "LONGEST_END"):
        monkeypatch.setattr(server, limit, 20.0)
    with listen(Address(("127.0.0.1",), port, "/callback"), STATE) as receiver:
        silent = socket.create_connection(("127.0.0.1", port), timeout=10)
        page = browser.submit(visit, port, REDIRECT)
        receiver.wait(10)
        started = time.monotonic()
    assert time.monotonic() - started < 20
    assert "The sign-in was ended" in page.result(10)[2]
    assert silent.recv(1) == b""
    silent.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
    assert not [thread for thread in threading.enumerate() if "loopback" in thread.name]


def test_the_port_can_be_had_again(port: int) -> None:
    address = Address(("127.0.0.1",), port, "/")
    for _ in range(2):
        with listen(address, STATE):
            visit(port, "/favicon.ico")


def test_a_busy_port_is_said_to_be_busy(port: int) -> None:
    with listen(Address(("127.0.0.1",), port, "/"), STATE):
        with pytest.raises(ConfigError, match=f"cannot listen on port {port} .*in use") as caught:
            with listen(Address(("127.0.0.1",), port, "/"), STATE):
                pass
    assert "another port" in caught.value.hint


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


@needs_ipv6
def test_localhost_is_both_addresses(port: int, browser: ThreadPoolExecutor) -> None:
    for host in ("127.0.0.1", "::1"):
        with listen(Address(("127.0.0.1", "::1"), port, "/callback"), STATE) as receiver:
            page = browser.submit(visit, port, REDIRECT, "GET", host)
            assert receiver.wait(10) is not None
            receiver.answer("Done", "")
            assert page.result(10)[0] == 200


@needs_ipv6
def test_a_half_busy_localhost_is_busy(port: int) -> None:
    """Else the browser might take the code to the other program."""
    with listen(Address(("::1",), port, "/"), STATE):
        with pytest.raises(ConfigError, match="in use"):
            with listen(Address(("127.0.0.1", "::1"), port, "/"), STATE):
                pass
    visit_fails(port)


def visit_fails(port: int) -> None:
    """127.0.0.1, which had been opened first, is closed again."""
    with pytest.raises(OSError):
        visit(port, "/")


def test_localhost_without_ipv6(port: int) -> None:
    """Any second address that the machine does not have is done without: 192.0.2.1 is nobody's."""
    with listen(Address(("127.0.0.1", "192.0.2.1"), port, "/callback"), STATE):
        assert visit(port, "/callback")[0] == 400
    with pytest.raises(ConfigError):
        with listen(Address(("192.0.2.1",), port, "/callback"), STATE):
            pass


class Interrupted(BaseException):
    """What a signal's handler raises, wherever the program stands."""


class InterruptedAt:
    """Raises at the n-th line that this thread runs in the module that serves."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code.co_filename != server.__file__:
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                raise Interrupted
        return self


def is_serving() -> bool:
    """Whether a thread of the server's runs."""
    frames: list[FrameType | None] = list(sys._current_frames().values())
    while frames:
        frame = frames.pop()
        if frame is not None and frame.f_code.co_filename == server.__file__:
            return True
        if frame is not None:
            frames.append(frame.f_back)
    return False


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def listen_interrupted(number: int, port: int) -> bool:
    """Whether the n-th line was reached, with a client connected that goes on for ever."""
    before, tracer = sys.gettrace(), InterruptedAt(number)
    client = socket.socket()
    with client, contextlib.suppress(Interrupted):
        try:
            sys.settrace(tracer)
            with listen(Address(("127.0.0.1",), port, "/callback"), STATE):
                client.connect(("127.0.0.1", port))
                client.sendall(b"GET /callb")
        finally:
            sys.settrace(before)
    return tracer.left <= 0


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_interruption_breaks_the_end(port: int) -> None:
    """Wherever it comes, the thread ends and the port is free."""
    number = 1
    while listen_interrupted(number, port):
        number += 1 if FULL else 7
        gc.collect()  # Of what was never begun.
        for left in reversed(range(3000)):
            if not is_serving() and is_free(port):
                break
            assert left, number
            time.sleep(0.01)
    assert number > 20
