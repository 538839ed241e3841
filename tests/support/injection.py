"""Runs in forked children, with faults injected before their system calls.

The sandbox lives in a process of its own, so that the test process has one thread when it forks.
A child counts what it calls by kind ("the third write"), which the network's timing does not
shift, and can be killed, sent a signal, or refused at any of those calls.
"""
from __future__ import annotations

import faulthandler
import fcntl
import functools
import io
import json
import multiprocessing
import os
import pickle
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.managers import BaseManager
from types import SimpleNamespace
from typing import Any, Callable

# Imported before the fork, so that no child pays for it.
import tests.support.everything  # noqa: F401
from trakt_config.authorization.run import Options
from trakt_config.cli import authorize, main
from trakt_config.oauth import patience
from trakt_config.sandbox import CLIENT_ID, CLIENT_SECRET, Answer, Hold, Sandbox

FULL = bool(os.environ.get("TRAKT_CONFIG_FULL"))

#: The functions of `os` that the package calls, or that the standard library calls for it.
OS_CALLS = tuple(name for name in (
    "open", "read", "write", "fsync", "ftruncate", "posix_fallocate", "lseek", "fstat", "stat",
    "lstat", "readlink", "replace", "rename", "unlink", "fchown", "fchmod", "chmod", "listxattr",
    "getxattr", "setxattr", "removexattr", "mkdir", "close") if hasattr(os, name))
SOCKET_CALLS = ("connect", "sendall", "recv_into")


#: Longer than any run takes whose pauses are skipped; what takes longer hangs.
HANGS = 60.0


class Served(Sandbox):
    """The sandbox with what a test in another process needs of it; all of that is a method."""

    def __init__(self) -> None:
        super().__init__()
        self._active = 0
        self._count_requests()
        self._held: Hold | None = None

    def _count_requests(self) -> None:
        """Know how many requests are being handled, from accept(2) to the last byte."""
        server: Any = self._server
        accepted, handle = server.process_request, server.process_request_thread

        def process_request(request: Any, address: Any) -> None:
            with self._lock:
                self._active += 1
            accepted(request, address)

        def process_request_thread(request: Any, address: Any) -> None:
            try:
                handle(request, address)
            finally:
                with self._lock:
                    self._active -= 1

        server.process_request = process_request
        server.process_request_thread = process_request_thread

    def address(self) -> str:
        return self.url

    def reset(self) -> None:
        """Forget all tokens, requests and prepared answers."""
        with self._lock:
            self._ledger.clear()
            self._ledger_size = 0
            self._answers.clear()
        issuer: Any = self._issuer
        for known in (issuer._by_access_token, issuer._by_refresh_token, issuer._codes):
            known.clear()

    def withdraw_answers(self) -> None:
        """Forget the prepared answers that nobody has asked for."""
        with self._lock:
            self._answers.clear()

    def is_idle(self) -> bool:
        return not self._active

    def settle(self, timeout: float = 10) -> None:
        """Return when every request that has left its sender is processed."""
        try:  # Connections are accepted in order: those before this one are counted by then.
            urllib.request.urlopen(self.url + "/settled", timeout=10).close()
        except OSError:
            pass
        deadline = time.monotonic() + timeout
        while self._active:
            assert time.monotonic() < deadline, "a request is still being handled"
            time.sleep(0.001)

    def honoured(self) -> list[str]:
        """The refresh tokens that would work now."""
        issuer: Any = self._issuer
        return [token for token in list(issuer._by_refresh_token) if self.honours_refresh(token)]

    def all_tokens(self) -> list[str]:
        """Everything secret that was ever given out since the last reset."""
        issuer: Any = self._issuer
        return [*issuer._by_access_token, *issuer._by_refresh_token, *issuer._codes]

    def pair(self, refresh_token: str) -> dict[str, Any]:
        """The answer that this refresh token came with."""
        issuer: Any = self._issuer
        answer: dict[str, Any] = issuer._by_refresh_token[refresh_token].response()
        return answer

    def spend(self, refresh_token: str) -> None:
        """Spend it for a pair, as a run does that is killed before it hears of it."""
        self._post({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def spend_code(self, code: str) -> None:
        self._post({"grant_type": "authorization_code", "code": code})

    def _post(self, fields: Mapping[str, str]) -> None:
        body = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
                "redirect_uri": "urn:ietf:wg:oauth:2.0:oob", **fields}
        headers = {"Content-Type": "application/json", "User-Agent": "a test",
                   "trakt-api-version": "2", "trakt-api-key": CLIENT_ID}
        urllib.request.urlopen(urllib.request.Request(
            self.url + "/oauth/token", json.dumps(body).encode(), headers), timeout=10).close()

    def asked(self) -> int:
        """How many requests for tokens there were."""
        return len(self.token_requests)

    def issued(self) -> int:
        """How many of them were granted."""
        return sum(request.issued for request in self.token_requests)

    def spent_again(self) -> int:
        """How many of them presented what had been spent."""
        return sum(request.reuse for request in self.token_requests)

    def paths(self) -> list[str]:
        return [request.path for request in self.ledger]

    def bodies(self) -> list[Any]:
        return [request.body for request in self.token_requests]

    def hold_next(self, answer: Answer = Answer(process=True), *, before: bool = False) -> None:
        """Answer the next request like that, and when told to."""
        self._held = Hold()
        held: Mapping[str, Any] = {"hold_before" if before else "hold": self._held}
        self.answer(Answer(**{**vars(answer), **held}))

    def wait_held(self) -> None:
        assert self._held is not None
        self._held.wait()

    def release(self) -> None:
        assert self._held is not None
        self._held.release()


class _Manager(BaseManager):
    """Starts a process with a :class:`Served` in it."""


_Manager.register("Served", Served)


def serve() -> Iterator[Any]:
    """A fixture's body: a sandbox in another process, as a proxy for :class:`Served`."""
    manager = _Manager(ctx=multiprocessing.get_context("spawn"))
    manager.start()
    try:
        yield manager.Served()  # type: ignore[attr-defined]
    finally:
        manager.shutdown()


class App:
    """What `conftest.config_text` needs of a sandbox."""

    client_id, client_secret = CLIENT_ID, CLIENT_SECRET


@dataclass(frozen=True)
class Call:
    """One system call of a child: the n-th of its kind, and what it was about."""

    kind: str
    ordinal: int
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.kind} #{self.ordinal} ({self.subject})"


@dataclass(frozen=True)
class Stop:
    """The whole process is stopped, for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Fault:
    """What happens at a call.

    :ivar action: ``"kill"``, ``"term"`` (before it) or ``"late term"`` (after it); ``"short"``,
        a write that takes a part; ``"torn"``, a kill when it has; ``"bug"``, an exception that
        nobody expects; an error's number; or a :class:`Stop`.
    :ivar share: how much of a write is taken.
    :ivar for_good: it also happens at every later call of that kind.
    :ivar to_all: it also happens at every later call of the file system, of whatever kind.
    """

    kind: str
    ordinal: int
    action: object
    for_good: bool = False
    to_all: bool = False
    share: float = 1 / 3

    def strikes(self, call: Call) -> bool:
        later = self.for_good and call.ordinal > self.ordinal
        return call.kind == self.kind and (later or call.ordinal == self.ordinal)


@dataclass
class Ended:
    """A child that has ended: exit status (minus the signal's number, if one killed it).

    :ivar moments: all that it called while it was watched, the clock included.
    """

    status: int
    out: str
    err: str
    moments: list[Call] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)
    result: Any = None

    @property
    def calls(self) -> list[Call]:
        """The system calls. How often the clock is read depends on how fast the machine is."""
        return [call for call in self.moments if call.kind != "clock"]

    def __str__(self) -> str:
        return f"exit {self.status}\n{self.out}{self.err}"


class Gate:
    """Every watched call passes here first."""

    def __init__(self, fault: Fault | None, look: Callable[[Call], Any] | None) -> None:
        self._fault = fault
        self._look = look
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._looking: int | None = None
        self._fails_for_all = False
        self.calls: list[Call] = []
        self.seen: list[Any] = []

    def call(self, kind: str, real: Callable[..., Any], args: Any, more: Any) -> Any:
        if self._looking == threading.get_ident():
            return real(*args, **more)  # What the test itself does is none of the run's calls.
        with self._lock:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            call = Call(kind, self._counts[kind], _subject(args))
            self.calls.append(call)
        if self._look and self._looking is None:
            self._looking = threading.get_ident()
            try:
                self.seen.append((call, self._look(call)))
            finally:
                self._looking = None
        fault = self._fault
        if not fault or not (fault.strikes(call) or self._fails_for_all):
            return real(*args, **more)
        self._fails_for_all = fault.to_all
        return _struck(fault, kind, real, args, more)


def _struck(fault: Fault, kind: str, real: Callable[..., Any], args: Any, more: Any) -> Any:
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault.action in ("short", "torn") and kind == "write":
        taken = real(args[0], args[1][:max(1, int(len(args[1]) * fault.share))])
        if fault.action == "short":
            return taken
        os.kill(os.getpid(), signal.SIGKILL)
    if isinstance(fault.action, Stop):
        _stop(fault.action.seconds)
    if fault.action == "bug":
        raise RuntimeError("a bug")
    if fault.action == "term":
        _signal_main_thread()
    if isinstance(fault.action, int) and kind != "clock":  # To read a clock cannot fail.
        if kind == "close":  # Linux closes the file even then.
            real(*args, **more)
        raise OSError(fault.action, os.strerror(fault.action))
    result = real(*args, **more)
    if fault.action == "late term":
        _signal_main_thread()
    return result


def _stop(seconds: float) -> None:
    """SIGSTOP, and SIGCONT from a child, whose end also says that we were stopped."""
    ours = os.getpid()
    helper = os.fork()
    if helper == 0:
        time.sleep(seconds)
        os.kill(ours, signal.SIGCONT)
        os._exit(0)
    os.kill(ours, signal.SIGSTOP)
    os.waitpid(helper, 0)


def _signal_main_thread() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread():
        time.sleep(0.01)  # The main thread takes notice.


def _subject(args: Sequence[Any]) -> str:
    first = args[0] if args else ""
    return os.path.basename(os.fsdecode(first)) if isinstance(first, (str, bytes)) else ""


def install(gate: Gate) -> None:
    """Lead all watched calls of this process through the gate, for good."""
    def watched(kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def passing(*args: Any, **more: Any) -> Any:
            return gate.call(kind, real, args, more)
        return passing

    for name in OS_CALLS:
        real = getattr(os, name)
        wrapped = watched(name, real)
        for supported in (os.supports_fd, os.supports_follow_symlinks, os.supports_dir_fd):
            if real in supported:
                supported.add(wrapped)
        setattr(os, name, wrapped)
    fcntl.flock = watched("flock", fcntl.flock)
    vars(patience)["time"] = SimpleNamespace(monotonic=watched("clock", time.monotonic))
    for name in SOCKET_CALLS:
        setattr(socket.socket, name, watched(name, getattr(socket.socket, name)))


def forked(work: Callable[[], Any], *, environ: Mapping[str, str] | None = None,
           fault: Fault | None = None, watch: bool = False,
           look: Callable[[Call], Any] | None = None,
           prepare: Callable[[], None] = lambda: None, timeout: float = HANGS) -> Ended:
    """Do `work` in a child. An int that it returns is the exit status; else it is the result.

    :param watch: count the calls although there is no fault.
    :param look: called before every call, its results are in ``seen``.
    :param prepare: called in the child first, unwatched.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            _be_child(work, environ, Gate(fault, look) if fault or watch or look else None,
                      prepare, (out.fileno(), err.fileno(), writing), timeout)
        os.close(writing)
        told, hung = _read_until_end(reading, timeout)
        if hung:
            os.kill(pid, signal.SIGKILL)
        os.close(reading)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0)
        err.seek(0)
        moments, seen, result = pickle.loads(told) if told else ([], [], None)
        ended = Ended(status, out.read().decode("utf-8", "replace"),
                      err.read().decode("utf-8", "replace"), moments, seen, result)
    assert not hung, f"hung for {timeout} s: {fault}\n{ended}"
    return ended


def _read_until_end(fd: int, timeout: float) -> tuple[bytes, bool]:
    """What the child tells; and whether it had not ended when the time was up."""
    told = b""
    deadline = time.monotonic() + timeout
    while True:
        ready, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return told, True
        piece = os.read(fd, 1 << 16)
        if not piece:
            return told, False
        told += piece


def _be_child(work: Callable[[], Any], environ: Mapping[str, str] | None,
              gate: Gate | None, prepare: Callable[[], None],
              fds: tuple[int, int, int], timeout: float) -> None:
    real_exit, real_write, status = os._exit, os.write, 99
    try:
        out, err, telling = fds
        os.dup2(out, 1)
        os.dup2(err, 2)
        for number, name in ((1, "stdout"), (2, "stderr")):
            raw = io.FileIO(number, "w", closefd=False)
            setattr(sys, name, io.TextIOWrapper(raw, encoding="utf-8", write_through=True))
        faulthandler.dump_traceback_later(0.9 * timeout, file=2)
        if environ is not None:
            os.environ.clear()
            os.environ.update(environ)
        prepare()
        if gate:
            install(gate)
        result = work()
        status = result if isinstance(result, int) else 0
        told = pickle.dumps((gate.calls if gate else [], gate.seen if gate else [], result))
        while told:
            told = told[real_write(telling, told):]
    except BaseException:
        real_write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        real_exit(status)


def command(*arguments: object, lock_timeout: float = 0.5) -> Callable[[], int]:
    """The command line, as work for a child; its pauses between requests are skipped."""
    def work() -> int:
        quick = functools.partial(Options, sleep=lambda seconds: None,
                                  lock_timeout=timedelta(seconds=lock_timeout))
        vars(authorize)["Options"] = quick
        return main.main([os.fsdecode(word) if isinstance(word, bytes) else str(word)
                         for word in arguments])
    return work
