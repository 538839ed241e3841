"""Work that an interruption must not cut short: it waits until the work is done."""
from __future__ import annotations

import threading
from typing import Callable, Generic, TypeVar

from trakt_config.errors import TraktUnavailable

T = TypeVar("T")


def run(work: Callable[[], T], on_interruption: Callable[[], None],
        on_failure: Callable[[BaseException], None] = lambda error: None) -> T:
    """The result of `work`, run in a thread of its own.

    An exception that arrives in the calling thread (Ctrl-C, a signal handler that raises) is
    raised when the work is done, and before it has begun the work is not begun at all. The thread
    is not a daemon, even where the calling one is: the interpreter waits for it too.

    :param on_interruption: called once, to say what is being waited for.
    :param on_failure: gets what the work raised where the interruption is raised instead.
    :raises TraktUnavailable: the system gives no thread.
    """
    task = _Task(work)
    interruption: BaseException | None = None
    try:
        threading.Thread(target=task.run, name="trakt_config", daemon=False).start()
        task.wait()
    except BaseException as error:
        interruption = _unmasked(error)
    if interruption is None:
        return task.result()
    if not task.cancel():
        _wait(task, on_interruption)
        if task.error is not None:
            on_failure(task.error)
        raise interruption
    if isinstance(interruption, RuntimeError):  # Of Thread.start.
        raise TraktUnavailable("the system gave no thread for the request",
                               hint="Nothing was sent to Trakt. Try again.")
    raise interruption


def _wait(task: _Task[T], on_interruption: Callable[[], None]) -> None:
    """Wait until the work has ended, however often that is interrupted."""
    said = False
    while True:
        try:
            if task.has_ended:
                return
            if not said:
                said = True
                on_interruption()
            task.wait()
        except BaseException:
            pass  # The first interruption is the one that is raised.


def _unmasked(error: BaseException) -> BaseException:
    """An interruption inside Thread.start may come out as the context of its lock's complaint."""
    return error.__context__ or error if type(error) is RuntimeError else error


class _Task(Generic[T]):
    """Work that begins at most once, and not after it was cancelled.

    Waited for with a bare lock: the locks of an Event do not survive a signal handler that raises.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self.has_ended = False
        self._work = work
        self._begun = threading.Lock()
        self._under_way = threading.Lock()
        self._under_way.acquire()
        self._results: list[T] = []
        self.error: BaseException | None = None

    def cancel(self) -> bool:
        """Keep the work from beginning; False when it has."""
        return self._begun.acquire(blocking=False)

    def run(self) -> None:
        if not self._begun.acquire(blocking=False):
            return
        try:
            self._results.append(self._work())
        except BaseException as error:
            self.error = error
        finally:
            self.has_ended = True
            self._under_way.release()

    def wait(self) -> None:
        """Return when the work has ended. For one thread only."""
        if not self.has_ended:
            self._under_way.acquire()

    def result(self) -> T:
        """What the work returned or raised."""
        if self.error is not None:
            raise self.error
        return self._results[0]
