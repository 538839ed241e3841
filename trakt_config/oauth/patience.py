"""The time that one request has. Its end ends waiting, and never the reading of what has arrived.

A process that was stopped for longer than any limit (a paused container, a suspended machine, a
host whose other threads held the interpreter) comes back to find its time over, and Trakt's answer
in the socket's buffer. That answer holds the only tokens that still work.
"""
from __future__ import annotations

import _thread
import io
import socket
import ssl
import threading
import time
from typing import Any

from trakt_config.errors import TraktUnavailable

#: Seconds that an answer gets at least, counted from when the request has left: the process may
#: have been stopped before it sent.
LEAST_PATIENCE = 10.0

#: Bytes that one answer may take on the wire, heads of interim answers and framing included.
LONGEST_ON_THE_WIRE = 2 * 1024 * 1024


class Watch:
    """The time of one request, and how far the request came.

    Until the request may be sent, the connection is cut at the deadline: a duplicate of the socket
    is shut down, which reaches a TLS handshake as well, that runs on an object that nobody else
    holds yet. From then on nothing is cut: :class:`PatientReader` looks at the time.

    Its thread is not a ``threading.Timer``, whose locks an exception of a signal handler can leave
    locked.
    """

    def __init__(self, seconds: float) -> None:
        #: A proxy is set for the address.
        self.proxied = False
        #: A connection was begun that is watched, so that `connected` is known.
        self.connecting = False
        #: It was ready to take the request, TLS and proxy included.
        self.connected = False
        #: The deadline has passed.
        self.expired = False
        self.seconds = max(0.0, min(seconds, threading.TIMEOUT_MAX))
        self._ends = time.monotonic() + self.seconds
        self._lock = threading.Lock()
        self._duplicates: list[socket.socket] = []
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
            raise TraktUnavailable("the system could not start a thread for the request",
                                   hint="Nothing was sent to Trakt. Try again.") from None

    def __exit__(self, *_: object) -> None:
        self._done.release()
        with self._lock:
            self._let_go()

    def left(self) -> float:
        """The seconds that may still be waited."""
        return self._ends - time.monotonic()

    def guard(self, sock: socket.socket) -> None:
        """Shut `sock` down at the deadline, or now if that has passed, unless it may send."""
        with self._lock:
            self._duplicates.append(sock.dup())
            if self.expired:
                self._shut_down()

    def may_send(self) -> None:
        """Note that bytes of the body may leave from now on, and cut nothing any more.

        :raises TimeoutError: the deadline has passed; nothing may be sent any more.
        """
        with self._lock:
            if self.expired:
                raise TimeoutError("too late to send")
            self.connected = True
            self._let_go()

    def has_sent(self) -> None:
        """Give the answer some time, however late the request has left."""
        self._ends = max(self._ends, time.monotonic() + min(self.seconds, LEAST_PATIENCE))

    def _let_go(self) -> None:
        for duplicate in self._duplicates:
            duplicate.close()
        self._duplicates.clear()

    def _wait(self) -> None:
        if self._done.acquire(timeout=self.seconds):
            return
        with self._lock:
            if not self.connected:
                self.expired = True
                self._shut_down()

    def _shut_down(self) -> None:
        for duplicate in self._duplicates:
            try:
                duplicate.shutdown(socket.SHUT_RDWR)
            except OSError:  # the peer was faster
                pass


class PatientReader(io.RawIOBase):
    """Reads an answer from a socket: all that arrives before the deadline, and, however late this
    process comes to it, all that has arrived by then.

    :param inner: the socket's own file, which is closed with this one.
    :param begun: what was read of the answer already.
    """

    def __init__(self, sock: Any, watch: Watch, inner: io.IOBase, begun: bytes = b"") -> None:
        self._sock = sock
        self._watch = watch
        self._inner = inner
        self._begun = begun
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._begun:
            piece, self._begun = self._begun[:len(buffer)], self._begun[len(buffer):]
            buffer[:len(piece)] = piece
            return len(piece)
        if self._size > LONGEST_ON_THE_WIRE:
            raise OSError("the answer does not end")
        size = self._receive(buffer)
        self._size += size
        return size

    def _receive(self, buffer: Any) -> int:
        from urllib3.util.wait import wait_for_socket

        self._sock.settimeout(0)
        while True:
            left = self._watch.left()  # Before the look: what has arrived by now is read.
            try:
                return int(self._sock.recv_into(buffer))
            except (BlockingIOError, ssl.SSLWantReadError):
                writes = False
            except ssl.SSLWantWriteError:
                writes = True
            if left <= 0:
                self._watch.expired = True
                raise TimeoutError("the answer takes too long")
            wait_for_socket(self._sock, read=not writes, write=writes, timeout=left)

    def close(self) -> None:
        self._inner.close()
        super().close()


def be_patient(response: Any, watch: Watch) -> None:
    """Let the rest of an answer be read by a :class:`PatientReader`, if that can be.

    :param response: an ``http.client.HTTPResponse``, or something else, which is left as it is.
    """
    try:
        inner = response.fp
        sock = inner.raw._sock
        sock.settimeout(0)
    except (AttributeError, OSError):
        return
    try:
        begun = inner.peek()
    except OSError:  # TLS says so when nothing is there; what went wrong otherwise comes again.
        begun = b""
    watch.has_sent()
    response.fp = io.BufferedReader(PatientReader(sock, watch, inner, begun))
