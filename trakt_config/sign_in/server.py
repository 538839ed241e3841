"""Serves small requests on this machine, in one thread that waits for no client.

No socket of it blocks, and each client has one deadline for its whole request, so that slow, silent
and many clients hold nobody up: neither the client that is waited for, nor the end.
"""
from __future__ import annotations

import _thread
import selectors
import socket
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Callable

from trakt_config.errors import ConfigError

#: Seconds that a client may take for its whole request, and for taking the whole response.
SLOWEST_CLIENT = 10.0

#: Seconds at the end for clients that have not taken their response yet.
SLOWEST_END = 1.0

#: Seconds that the end waits for the thread, which needs a little more than the above at most.
LONGEST_END = 3.0

#: More than any browser opens. The oldest that has said nothing useful makes room for the next.
MOST_CONNECTIONS = 100

#: Bytes of a request, of which a redirect has a few hundred.
LONGEST_REQUEST = 128 * 1024

#: What to say to the bytes of a request; None: that is known later, and :meth:`Server.answer` says.
Respond = Callable[[bytes], "bytes | None"]


@contextmanager
def serving(listeners: Sequence[socket.socket], respond: Respond,
            farewell: bytes) -> Iterator[Server]:
    """Serve until the end of the ``with`` block; then the listeners are closed as well.

    It ends even where an interruption comes between any two steps of this: `waker` is held here
    alone, so that it is closed when this is over in whatever way, and that ends the thread.

    :param farewell: the response for those who wait for an answer that has not come by then.
    """
    waker, wakened = socket.socketpair()
    with waker:
        server = Server(listeners, respond, farewell, waker, wakened)
        try:
            server.start()
            yield server
        finally:
            _close(server)


def _close(server: Server) -> None:
    """Close everything, however often that is interrupted; the first interruption is raised."""
    interruption: BaseException | None = None
    while True:
        try:
            server.close()
            break
        except BaseException as error:
            interruption = interruption or error
    if interruption is not None:
        raise interruption


class Server:
    """Serves all clients; begun once with :meth:`start`, ended with :meth:`close`."""

    def __init__(self, listeners: Sequence[socket.socket], respond: Respond,
                 farewell: bytes, waker: socket.socket, wakened: socket.socket) -> None:
        self._listeners = listeners
        self._respond = respond
        self._farewell = farewell
        self._answer: bytes | None = None
        self._selector = selectors.DefaultSelector()
        self._connections: list[_Connection] = []
        self._waker = weakref.ref(waker)
        self._wakened = wakened
        self._is_closing = False
        self._is_running = False
        # A bare lock survives an exception that a signal's handler raises; threading's do not.
        self._under_way = _thread.allocate_lock()
        self._under_way.acquire()
        waker.setblocking(False)
        for listener in (*listeners, self._wakened):
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ)

    def start(self) -> None:
        self._is_running = True
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:
            self._is_running = False
            raise ConfigError("the system could not start a thread to listen for the browser",
                              hint="Sign in with a code instead.") from None

    def answer(self, response: bytes) -> None:
        """Say this to those who wait for an answer, and to those who will."""
        self._answer = response
        self._wake()

    def close(self) -> None:
        """End the thread, and what it holds. To be repeated where it was interrupted."""
        self._is_closing = True
        self._wake()
        if self._is_running:
            self._under_way.acquire(timeout=LONGEST_END)
        self._release()

    def _release(self) -> None:
        for connection in self._connections[:]:
            connection.socket.close()
        for listener in (*self._listeners, self._wakened):
            listener.close()
        self._selector.close()

    def _wake(self) -> None:
        """Let the thread see what has changed."""
        waker = self._waker()
        with suppress(OSError):  # It has been woken often enough, or it is over.
            if waker is not None:
                waker.send(b"!")

    def _run(self) -> None:
        try:
            while not self._is_closing:
                self._step(1.0)
            self._finish()
        except (OSError, ValueError):  # It was closed without waiting for this thread any longer.
            pass
        finally:
            try:
                self._release()
            finally:
                self._is_running = False
                self._under_way.release()

    def _finish(self) -> None:
        """Let those who wait have their answer, within a second."""
        self._answer = self._answer or self._farewell
        end = time.monotonic() + SLOWEST_END
        while self._connections and time.monotonic() < end:
            self._step(0.05)

    def _step(self, seconds: float) -> None:
        """Do what can be done now, or as soon as there is something, after `seconds` at most."""
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._wakened:
                self._is_closing = self._is_closing or not self._wakened.recv(65536)
            elif key.data is None:
                self._accept(key.fileobj)
            elif key.data in self._connections:
                self._go_on(key.data)
        self._answer_those_who_wait()
        now = time.monotonic()
        for connection in self._connections[:]:
            is_over = now >= connection.deadline or self._is_closing and not connection.unsent
            if is_over and not connection.awaits_answer:
                self._drop(connection)

    def _accept(self, listener: Any) -> None:
        if self._is_closing:
            return
        try:
            client, _ = listener.accept()
        except OSError:  # It has gone again, or there is no descriptor left for now.
            time.sleep(0.02)
            return
        if len(self._connections) >= MOST_CONNECTIONS:
            self._drop(min(self._connections, key=lambda other: other.awaits_answer))
        connection = _Connection(client)
        self._connections.append(connection)
        self._selector.register(client, selectors.EVENT_READ, connection)

    def _go_on(self, connection: _Connection) -> None:
        """Read what has come, or write what is taken; a client that has gone is dropped."""
        try:
            if connection.unsent:
                if connection.send():
                    self._drop(connection)
            elif connection.receive():
                self._selector.unregister(connection.socket)
                self._send(connection, self._respond(bytes(connection.received)))
        except BlockingIOError:
            pass
        except OSError:
            self._drop(connection)

    def _answer_those_who_wait(self) -> None:
        for connection in self._connections[:] if self._answer is not None else ():
            if connection.awaits_answer:
                self._send(connection, self._answer)

    def _send(self, connection: _Connection, response: bytes | None) -> None:
        connection.awaits_answer = response is None
        if response is None:
            return
        connection.unsent = response
        connection.deadline = time.monotonic() + SLOWEST_CLIENT
        self._selector.register(connection.socket, selectors.EVENT_WRITE, connection)
        if not response:
            self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        self._connections.remove(connection)
        with suppress(KeyError):  # It awaits an answer.
            self._selector.unregister(connection.socket)
        with suppress(OSError):  # It has gone already.
            connection.socket.shutdown(socket.SHUT_WR)
        connection.socket.close()


class _Connection:
    """One client: what has come of its request, and what is still to be sent to it."""

    def __init__(self, client: socket.socket) -> None:
        client.setblocking(False)
        self.socket = client
        self.deadline = time.monotonic() + SLOWEST_CLIENT
        self.received = bytearray()
        self.awaits_answer = False
        self.unsent = b""

    def receive(self) -> bool:
        """Take what has come; whether the request is complete."""
        part = self.socket.recv(65536)
        self.received += part
        return not part or len(self.received) > LONGEST_REQUEST \
            or b"\r\n\r\n" in self.received or b"\n\n" in self.received

    def send(self) -> bool:
        """Send what the client takes; whether that was all."""
        self.unsent = self.unsent[self.socket.send(self.unsent):]
        return not self.unsent
