"""Work that an interruption must not cut short: it waits until the work is done.

The work has a thread of its own, which is started and waited for with bare locks alone: an
exception that a signal handler raises in the middle of ``threading.Thread.start``, or of an
``Event``, leaves their locks locked, and then neither the thread nor the process ever ends.

The interpreter does not wait for such a thread; this module does, at exit. In a host:

* Ctrl-C in the thread that called :func:`run` is raised when the work is done, however many follow.
* Where a worker of a thread pool called it, the first Ctrl-C ends what the main thread does, the
  second its wait for the pool, the third the interpreter's wait for the pool. The work is waited
  for at each of the last two, and once more after them, through any further Ctrl-C. The worker
  itself then ends with the process: what it was about to do after the work does not happen.
* What still cuts work short: a kill, ``os._exit``, a default SIGTERM, more than `EXIT_TIMEOUT`
  seconds; and several Ctrl-C that each hit one of the few instructions between two waits.
"""
from __future__ import annotations

import _thread
import atexit
import builtins
import os
import sys
import threading
from types import TracebackType
from typing import Any, Callable, Generic, TypeVar

from trakt_config.errors import TraktUnavailable

T = TypeVar("T")

#: Seconds of waiting at exit: 90 for Trakt's answer, and some for slow disks after it.
EXIT_TIMEOUT = 120

#: What starting a thread raises when there is none: exactly these. A signal handler that runs at
#: that moment may raise a subclass of RuntimeError.
_NO_THREAD = (RuntimeError, getattr(builtins, "PythonFinalizationError", RuntimeError))


def run(work: Callable[[], T], on_interruption: Callable[[], None],
        on_failure: Callable[[BaseException], None] = lambda error: None) -> T:
    """The result of `work`, run in a thread of its own.

    An exception that arrives in the calling thread (Ctrl-C, a signal handler that raises) is
    raised when the work is done, and before it has begun the work is not begun at all. The
    interpreter waits for the work as well, even where the calling thread is a daemon.

    :param on_interruption: called once, to say what is being waited for.
    :param on_failure: gets what the work raised where the interruption is raised instead.
    :raises TraktUnavailable: the system gives no thread, or the interpreter is shutting down.
    """
    task = _Task(work, on_interruption)
    # Each of them waits until the work has ended. An interruption may strike in the few
    # instructions of one that are not protected; then the next one waits.
    with task, task, task, task, task:
        task.start()
        task.wait()
    return task.result(on_failure)


def complete(write: Callable[[], None]) -> None:
    """Write what an interruption must not leave half written.

    It goes on in the thread of work that is shielded already; and where there is no thread to be
    had, it is written all the same.
    """
    if getattr(_this_thread, "is_shielded", False):
        write()
        return
    begun: list[bool] = []

    def begin() -> None:
        begun.append(True)
        write()

    try:
        run(begin, lambda: None)
    except TraktUnavailable:
        if begun:
            raise
        write()


class _Task(Generic[T]):
    """Work that begins at most once, and not after it was cancelled."""

    def __init__(self, work: Callable[[], T], on_interruption: Callable[[], None]) -> None:
        self._work = work
        self._on_interruption = on_interruption
        self._has_said = False
        self._first: dict[str, str] = {}
        self._has_ended = False
        self._interruption: BaseException | None = None
        self._error: BaseException | None = None
        self._results: list[T] = []
        self._for_caller = _locked_lock()
        self._for_exit = _locked_lock()

    def start(self) -> None:
        _under_way.add(self)
        if _exit.has_begun and _thread.get_ident() != threading.main_thread().ident:
            self.cancel()  # Nobody would wait for it any more.
        _thread.start_new_thread(self._run, ())

    def wait(self) -> None:
        """Return when the work has ended. For the calling thread only.

        By the second: a signal that comes just before a wait begins is not noticed until it ends.
        """
        while not self._has_ended:
            self._for_caller.acquire(timeout=1)

    def cancel(self) -> bool:
        """Keep the work from beginning; False when it has."""
        return self._is_first("nobody")

    def __enter__(self) -> None:
        """Nothing is under way yet."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> bool:
        """Wait until the work has ended, however often that is interrupted."""
        self._interruption = self._interruption or error
        while not self._has_ended and not self.cancel():
            try:
                self._say()
                self.wait()
            except BaseException:
                pass  # The first interruption is the one that is raised.
        _under_way.discard(self)
        return True

    def result(self, on_failure: Callable[[BaseException], None]) -> T:
        """What the work returned or raised, if nothing has interrupted it.

        :raises TraktUnavailable: it has not begun, for want of a thread.
        """
        never_began = self.cancel()
        if never_began and type(self._interruption) in (*_NO_THREAD, type(None)):
            raise TraktUnavailable("the system could not start a thread for the request",
                                   hint="Nothing was sent to Trakt. Try again.")
        if self._interruption is not None:
            if self._error is not None:
                on_failure(self._error)
            raise self._interruption
        if self._error is not None:
            raise self._error
        return self._results[0]

    def wait_at_exit(self) -> None:
        """Return when the work has ended, or when the time at exit is over."""
        while not self._has_ended and _exit.seconds_left > 0:
            try:
                # By the second: a process that was stopped for long has lost one, and not all.
                if not self._for_exit.acquire(timeout=1):
                    _exit.seconds_left -= 1
            except BaseException:
                _ignoring_exceptions(self._say)

    def _run(self) -> None:
        try:
            if self._is_first("work"):
                threading.current_thread().name = "trakt_config"
                _this_thread.is_shielded = True
                _let_tools_look()
                self._results.append(self._work())
        except BaseException as error:
            self._error = error
        finally:
            _forget_this_thread()
            self._has_ended = True
            _under_way.discard(self)
            self._for_caller.release()
            self._for_exit.release()

    def _is_first(self, who: str) -> bool:
        """One call that cannot be interrupted decides it, and whoever asks again hears the same."""
        return self._first.setdefault("who", who) == who

    def _say(self) -> None:
        if not self._has_said:
            self._has_said = True
            self._on_interruption()


class _Exit:
    """How far the interpreter is with its end."""

    has_begun = False
    seconds_left = EXIT_TIMEOUT


_exit = _Exit()
_under_way: set[_Task[Any]] = set()
_this_thread = threading.local()


def _locked_lock() -> _thread.LockType:
    lock = _thread.allocate_lock()
    lock.acquire()
    return lock


def _let_tools_look() -> None:
    """Debuggers, profilers and coverage see this thread as they see those of `threading`."""
    hooks = vars(threading)
    if hooks.get("_trace_hook"):
        sys.settrace(hooks["_trace_hook"])
    if hooks.get("_profile_hook"):
        sys.setprofile(hooks["_profile_hook"])


def _forget_this_thread() -> None:
    """Before 3.13, ``threading.enumerate`` lists for ever what it has not started itself."""
    vars(threading).get("_active", {}).pop(_thread.get_ident(), None)


def _ignoring_exceptions(function: Callable[[], None]) -> None:
    try:
        function()
    except BaseException:
        pass


def _finish() -> None:
    """Wait for all work that is under way; new work may still begin."""
    for task in list(_under_way):
        task.wait_at_exit()


def _finish_for_good() -> None:
    """Wait for all work that is under way; no other thread's work begins any more."""
    _exit.has_begun = True
    for task in list(_under_way):
        task.cancel()
    _finish()


# Before threads and pools are joined; a process of multiprocessing comes no further than that.
try:
    vars(threading).get("_register_atexit", atexit.register)(_finish)
except RuntimeError:  # They are being joined already.
    pass
# After that, and also when Ctrl-C has broken it off. One of them that is interrupted between two
# instructions gives way to the next.
for _ in range(5):
    atexit.register(_finish_for_good)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_under_way.clear)  # The threads are the parent's.
