"""The sandbox's HTTP server, and the ways in which it can be told to fail."""
from __future__ import annotations

import gzip
import logging
import re
import socket
import struct
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Callable

from trakt_config.sandbox.api import Call, Reply

logger = logging.getLogger("trakt_config")

LARGEST_REQUEST = 256 * 1024

#: A header on its line (RFC 9110, section 5), in what an answer's head is encoded in.
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00\r\n\u0100-\U0010ffff]*")


class Hold:
    """A request, to `path`, that is kept waiting until the test lets it go."""

    def __init__(self, path: str = "") -> None:
        self.path = path
        self.arrived = threading.Event()
        self.released = threading.Event()

    def wait(self, timeout: float = 30) -> None:
        """Return once a request is being held; TimeoutError after `timeout` seconds."""
        if not self.arrived.wait(timeout):
            where = f" to {self.path}" if self.path else ""
            raise TimeoutError(f"no request{where} arrived")

    def release(self) -> None:
        self.released.set()

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


@dataclass(frozen=True)
class Answer:
    """How to answer a request. As it stands: the way Trakt does.

    With ``process`` the request is carried out (a refresh token is spent, a pair is issued)
    whatever becomes of the answer; without it, this answer is sent instead.

    :ivar status, headers, body: what to send; None, or no entry, for what processing gave.
    :ivar wait_before: seconds before processing.
    :ivar wait_after: seconds between processing and the answer.
    :ivar hold_before, hold: the same, until the test says so.
    :ivar cut: ``"close"`` the connection instead of answering, ``"reset"`` it, or close it in
        the middle of the ``"body"``.
    :ivar content_length: a number to claim instead of the true one.
    :ivar drip_headers, drip_body: seconds after each byte.
    :ivar padding: blanks to add to the body, before it is compressed.
    :ivar gzip: compress the body.
    :raises TypeError, ValueError: an argument is of another type, or cannot be sent.
    """

    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    process: bool = False
    wait_before: float = 0
    wait_after: float = 0
    hold_before: Hold | None = None
    hold: Hold | None = None
    cut: str = ""
    content_length: int | None = None
    drip_headers: float = 0
    drip_body: float = 0
    padding: int = 0
    gzip: bool = False

    def __post_init__(self) -> None:
        for name in ("status", "content_length"):
            self._check(name, (int, type(None)), "an int or None")
        self._check("body", (bytes, type(None)), "bytes or None")
        self._check("headers", (Mapping,), "a mapping of str to str")
        self._check("cut", (str,), "a str")
        self._check("padding", (int,), "an int")
        for name in ("process", "gzip"):
            self._check(name, (bool,), "True or False")
        for name in ("hold_before", "hold"):
            self._check(name, (Hold, type(None)), "a Hold or None")
        for name in ("wait_before", "wait_after", "drip_headers", "drip_body"):
            self._check(name, (int, float), "seconds")
        self._check_values()

    def _check(self, name: str, kinds: tuple[type, ...], what: str) -> None:
        """Here, and not in a thread of the server's that nobody hears of."""
        value = getattr(self, name)
        if not isinstance(value, kinds) or isinstance(value, bool) and bool not in kinds:
            raise TypeError(f"{name} has to be {what}, not {type(value).__name__}")

    def _check_values(self) -> None:
        if self.status is not None and not 200 <= self.status <= 999:
            raise ValueError("status has to be between 200 and 999")
        for name in ("content_length", "padding", "wait_before", "wait_after", "drip_headers",
                     "drip_body"):
            if not 0 <= (getattr(self, name) or 0) <= threading.TIMEOUT_MAX:
                raise ValueError(f"{name} has to be 0 or more, and finite")
        if self.cut not in ("", "close", "reset", "body"):
            raise ValueError(f"there is no cut {self.cut!r}")
        for line in self.headers.items():
            if not all(isinstance(text, str) for text in line):
                raise TypeError("headers has to be a mapping of str to str")
            if not _HEADER.fullmatch(": ".join(line)):
                raise ValueError("headers has to have names and values that can be sent: on one "
                                 "line, in Latin-1")


class Server(ThreadingHTTPServer):
    """Listens from now on; every request runs in a thread of its own.

    :param answer_for: how to answer a request to this path.
    :param process: carries a request out as the answer says, and remembers it.
    :raises OSError: it cannot listen at that address.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, host: str, port: int, answer_for: Callable[[str], Answer],
                 process: Callable[[Call, Answer], Reply]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answer_for = answer_for
        self.process = process
        self._closing = threading.Event()
        super().__init__((host, port), _Handler)
        address = f"[{host}]" if ":" in host else host
        self.url = f"http://{address}:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,),
                                        name="trakt-sandbox", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening. Requests under way are cut, those that wait or are held included."""
        if self._closing.is_set():
            return
        self._closing.set()
        self.shutdown()
        self.server_close()
        self._thread.join()

    def pause(self, seconds: float, hold: Hold | None = None) -> None:
        """Wait, but not beyond :meth:`close`."""
        if hold is not None:
            hold.arrived.set()
            while not self._closing.is_set() and not hold.released.wait(0.02):
                pass
        if seconds > 0:
            self._closing.wait(seconds)
        if self._closing.is_set():
            raise ConnectionAbortedError("the sandbox was closed")

    def server_bind(self) -> None:
        # Not HTTPServer's, which looks up the host's name: slow where there is no DNS.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Called in an except block. A client that went away is nothing to report."""
        if not isinstance(sys.exc_info()[1], OSError):
            logger.exception("the sandbox failed on a request")


class _Handler(BaseHTTPRequestHandler):
    """Reads a request and writes what the sandbox makes of it; one request a connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    server: Server

    def __getattr__(self, name: str) -> Callable[[], None]:
        """http.server looks for ``do_METHOD``: every method is answered, and in the ledger."""
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _handle(self) -> None:
        self.close_connection = True
        call = self._call()
        answer = self.server.answer_for(call.path)
        self.server.pause(answer.wait_before, answer.hold_before)
        reply = self.server.process(call, answer)
        self.server.pause(answer.wait_after, answer.hold)
        self._send(reply, answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the ledger is the log."""

    def send_error(self, code: int, message: str | None = None,
                   explain: str | None = None) -> None:
        """What is no HTTP is the client's fault and not ours: 400 in place of 505."""
        super().send_error(400 if code == 505 else code, message, explain)

    def _call(self) -> Call:
        path, _, query = self.path.partition("?")
        refused, size = self._size()
        return Call(method=self.command, path=path, query=query,
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=self.rfile.read(size), url=self.server.url, refused=refused)

    def _size(self) -> tuple[int, int]:
        """The status that refuses the body, or 0, and how many bytes of it are read."""
        size = self.headers.get("Content-Length", "0").strip()
        if not re.fullmatch("[0-9]{1,9}", size):
            return 400, 0
        return (413, 0) if int(size) > LARGEST_REQUEST else (0, int(size))

    def _send(self, reply: Reply, answer: Answer) -> None:
        if answer.cut == "reset":
            # A linger time of 0 seconds makes closing send RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(self.connection.detach())
        elif answer.cut != "close":
            body = gzip.compress(reply.body) if answer.gzip else reply.body
            self._write(self._head(reply, answer, len(body)), answer.drip_headers)
            if self.command != "HEAD":
                end = len(body) // 2 if answer.cut == "body" else len(body)
                self._write(body[:end], answer.drip_body)

    def _head(self, reply: Reply, answer: Answer, size: int) -> bytes:
        length = size if answer.content_length is None else answer.content_length
        headers = {"Date": self.date_time_string(), **reply.headers,
                   "Content-Length": str(length), "Connection": "close"}
        if answer.gzip:
            headers["Content-Encoding"] = "gzip"
        lines = [f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Unknown')}",
                 *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _write(self, data: bytes, drip: float) -> None:
        if not drip:
            self.wfile.write(data)
            return
        for byte in data:
            self.wfile.write(bytes([byte]))
            self.server.pause(drip)
