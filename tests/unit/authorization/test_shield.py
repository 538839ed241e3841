"""Work that an interruption waits for."""
from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from trakt_config.authorization import shield
from trakt_config.errors import TraktUnavailable


class Interruption(BaseException):
    """What a signal handler raises."""


class Failure(RuntimeError):
    """A RuntimeError that a signal handler raises."""


def nothing() -> None:
    pass


@pytest.fixture
def interrupt() -> Iterator[None]:
    """SIGALRM raises Interruption in the main thread."""
    def handler(number: int, frame: FrameType | None) -> None:
        raise Interruption
    before = signal.signal(signal.SIGALRM, handler)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_the_result_is_the_work_s() -> None:
    """Also when that is None."""
    assert shield.run(lambda: 42, nothing) == 42
    assert shield.run(nothing, nothing) is None


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
def test_the_exception_is_the_work_s(error: BaseException) -> None:
    """The very same one, with nothing as its cause or context."""
    def work() -> None:
        raise error
    with pytest.raises(type(error)) as caught:
        shield.run(work, nothing)
    assert caught.value is error
    assert error.__cause__ is None and error.__context__ is None


def test_the_work_has_a_thread_of_its_own_that_the_interpreter_waits_for() -> None:
    """A daemon would be cut short at exit."""
    def work() -> threading.Thread:
        return threading.current_thread()
    thread = shield.run(work, nothing)
    assert thread is not threading.current_thread()
    assert not thread.daemon


def test_an_interruption_waits_until_the_work_is_done(interrupt: None) -> None:
    """It is told once what is being waited for, and then goes on."""
    events: list[str] = []

    def work() -> None:
        time.sleep(0.2)
        events.append("done")
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    with pytest.raises(Interruption):
        shield.run(work, lambda: events.append("waiting"))
    assert events == ["waiting", "done"]


def test_many_interruptions_are_told_once_and_the_first_is_raised(interrupt: None) -> None:
    """Ctrl-C, Ctrl-C, Ctrl-C."""
    events: list[str] = []

    def work() -> None:
        time.sleep(0.3)
        events.append("done")
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        with pytest.raises(Interruption):
            shield.run(work, lambda: events.append("waiting"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert events == ["waiting", "done"]


def test_an_interruption_weighs_more_than_what_the_work_raised(interrupt: None) -> None:
    """The command was told to end."""
    def work() -> None:
        time.sleep(0.2)
        raise ValueError("no")
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    with pytest.raises(Interruption):
        shield.run(work, nothing)


def test_a_message_that_fails_does_not_end_the_wait(interrupt: None) -> None:
    """Whatever a host's log handler does."""
    done: list[bool] = []

    def work() -> None:
        time.sleep(0.2)
        done.append(True)

    def fail() -> None:
        raise ValueError("a broken handler")
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    with pytest.raises(Interruption):
        shield.run(work, fail)
    assert done


#: Python drops an exception that a signal handler raises inside the callback of a weak reference,
#: and a new thread may stumble over a lock in Thread.start that one has passed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_interruption_at_any_moment_leaves_no_work_under_way(interrupt: None) -> None:
    """Either the work never began, or it is done when the caller goes on."""
    chance = random.Random(1)
    began = cut_short = 0
    for _ in range(400):
        steps: list[str] = []

        def work() -> None:
            steps.append("begun")
            time.sleep(0.0005)
            steps.append("done")
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00001, 0.0012))
            shield.run(work, nothing)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Interruption:
            cut_short += 1
        except TraktUnavailable:  # The lock in Thread.start complained in its place.
            assert not steps
        began += bool(steps)
        before = list(steps)
        time.sleep(0.001 if before != ["begun", "done"] else 0)
        assert steps == before
        assert steps in ([], ["begun", "done"])
    assert began and cut_short


@pytest.mark.parametrize("error", [Interruption(), Failure("a handler's")])
def test_an_interruption_before_the_work_began_keeps_it_from_beginning(
        error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing was sent, and nothing is waited for."""
    begun: list[bool] = []

    def start(self: threading.Thread) -> None:
        raise error
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises((Interruption, TraktUnavailable)):
        shield.run(lambda: begun.append(True), nothing)
    assert not begun


@pytest.mark.parametrize("error", [Interruption(), Failure("a handler's")])
def test_an_exception_out_of_start_is_an_interruption_once_the_work_has_begun(
        error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thread.start waits for the thread, and a signal may arrive while it does."""
    steps: list[str] = []
    begun = threading.Event()
    start = threading.Thread.start

    def interrupted_start(self: threading.Thread) -> None:
        start(self)
        begun.wait()
        raise error

    def work() -> None:
        begun.set()
        time.sleep(0.05)
        steps.append("done")
    monkeypatch.setattr(threading.Thread, "start", interrupted_start)
    with pytest.raises(type(error)) as caught:
        shield.run(work, nothing)
    assert caught.value is error
    assert steps == ["done"]


def test_a_system_without_a_thread_to_give_is_an_error_for_people(
        monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit on processes, as containers have one. Nothing was sent."""
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(TraktUnavailable, match="Nothing was sent") as caught:
        shield.run(nothing, nothing)
    assert caught.value.__context__ is None
    assert not caught.value.outcome_unknown
