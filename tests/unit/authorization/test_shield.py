"""Work that an interruption waits for."""
from __future__ import annotations

import _thread
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, Callable

import pytest

from tests.support.interruptions import Interruption
from trakt_config.authorization import shield
from trakt_config.errors import TraktUnavailable


class Failure(RuntimeError):
    """A RuntimeError that a signal handler raises."""


def nothing() -> None:
    pass


class Alarm:
    """SIGALRM, whose handler raises Interruption in the main thread."""

    def __init__(self) -> None:
        self.strokes = 0
        self.told = threading.Event()

    def strike(self, times: int = 1) -> None:
        """From the thread that works: interrupt, and go on when that is noticed."""
        receiver = threading.main_thread().ident
        assert receiver is not None
        for stroke in range(self.strokes + 1, self.strokes + times + 1):
            signal.pthread_kill(receiver, signal.SIGALRM)
            while self.strokes < stroke:
                time.sleep(0.001)

    def handler(self, number: int, frame: FrameType | None) -> None:
        self.strokes += 1
        raise Interruption


@pytest.fixture
def interrupt() -> Iterator[Alarm]:
    """SIGALRM raises Interruption in the main thread."""
    alarm = Alarm()
    before = signal.signal(signal.SIGALRM, alarm.handler)
    yield alarm
    signal.signal(signal.SIGALRM, lambda number, frame: None)  # One may be about to run.
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


def test_the_work_has_a_thread_of_its_own() -> None:
    """With a name, and gone from the list of threads when it has ended."""
    thread = shield.run(threading.current_thread, nothing)
    assert thread is not threading.current_thread()
    assert thread.name == "trakt_config"
    assert thread not in threading.enumerate()


@pytest.mark.parametrize("tool", [(threading.settrace, "_trace_hook"),
                                  (threading.setprofile, "_profile_hook")])
def test_debuggers_and_coverage_see_the_work(tool: tuple[Callable[[Any], None], str]) -> None:
    """As they see that of any thread which `threading` starts."""
    install, name = tool
    seen = []
    before = vars(threading)[name]
    install(lambda frame, event, argument: seen.append(frame.f_code))
    try:
        shield.run(nothing, nothing)
    finally:
        install(before)
    assert nothing.__code__ in seen


@pytest.mark.parametrize("times", [1, 3])
def test_an_interruption_waits_until_the_work_is_done(times: int, interrupt: Alarm) -> None:
    """It is told once what is being waited for, and then goes on; so with Ctrl-C, Ctrl-C, Ctrl-C.
    """
    events: list[str] = []

    def tell() -> None:
        events.append("waiting")
        interrupt.told.set()

    def work() -> None:
        interrupt.strike()
        assert interrupt.told.wait(30)
        interrupt.strike(times - 1)
        events.append("done")
    with pytest.raises(Interruption):
        shield.run(work, tell)
    assert events == ["waiting", "done"] and interrupt.strokes == times


def test_an_interruption_weighs_more_than_what_the_work_raised(interrupt: Alarm) -> None:
    """The command was told to end."""
    def work() -> None:
        interrupt.strike()
        raise ValueError("no")
    with pytest.raises(Interruption):
        shield.run(work, nothing)


def test_a_message_that_fails_does_not_end_the_wait(interrupt: Alarm) -> None:
    """Whatever a host's log handler does."""
    done: list[bool] = []

    def work() -> None:
        interrupt.strike()
        assert interrupt.told.wait(30)
        done.append(True)

    def fail() -> None:
        interrupt.told.set()
        raise ValueError("a broken handler")
    with pytest.raises(Interruption):
        shield.run(work, fail)
    assert done


@pytest.mark.parametrize("storm", [1, 2, 4])
def test_an_interruption_at_any_moment_leaves_no_work_under_way(
        storm: int, interrupt: Alarm) -> None:
    """Either the work never began, or it is done when the caller goes on."""
    chance = random.Random(storm)
    began = cut_short = 0
    for _ in range(400):
        steps: list[str] = []

        def work() -> None:
            steps.append("begun")
            time.sleep(0.0005)
            steps.append("done")
        try:
            rain(storm, chance.uniform(0.00001, 0.0012))
            shield.run(work, nothing)
        except Interruption:
            cut_short += 1
        rain(0, 0)
        began += bool(steps)
        assert steps in ([], ["begun", "done"])
    assert began and cut_short


def rain(drops: int, first: float) -> None:
    """From now on, that many interruptions of `shield`, 20 microseconds apart. Not of a callback
    that runs meanwhile, such as a weak reference's, where Python drops exceptions, nor of what
    measures the tests, which would be left with a locked lock.
    """
    left = [drops]

    def handler(number: int, frame: FrameType | None) -> None:
        if frame and frame.f_code.co_filename == shield.__file__ and left[0]:
            left[0] -= 1
            signal.setitimer(signal.ITIMER_REAL, 0.00002 if left[0] else 0)
            raise Interruption
        if left[0]:
            signal.setitimer(signal.ITIMER_REAL, 0.00002)
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, first)


def test_an_interruption_at_any_instruction_leaves_no_work_under_way() -> None:
    """Those of starting included: every thread ends, and the interpreter waits for none."""
    script = (
        "import threading, time\n"
        "from tests.support.interruptions import Interruption, Tracer\n"
        "from trakt_config.authorization import shield\n"
        "def run(at):\n"
        "    steps, tracer = [], Tracer({shield.__file__, threading.__file__}, at)\n"
        "    def work():\n"
        "        steps.append('begun')\n"
        "        time.sleep(0.001)\n"
        "        steps.append('done')\n"
        "    try:\n"
        "        with tracer:\n"
        "            shield.run(work, lambda: None)\n"
        "    except Interruption:\n"
        "        pass\n"
        "    assert steps in ([], ['begun', 'done']), (at, tracer.where, steps)\n"
        "    return tracer.count\n"
        "print(len([run(at) for at in range(1, run(None) + 1)]))\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          timeout=60, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert int(done.stdout) >= 20


@pytest.mark.parametrize("error", [Interruption(), Failure("a handler's")])
def test_an_interruption_before_the_work_began_keeps_it_from_beginning(
        error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing was sent, and nothing is waited for."""
    begun: list[bool] = []

    def start(work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        raise error
    monkeypatch.setattr(_thread, "start_new_thread", start)
    with pytest.raises(type(error)) as caught:
        shield.run(lambda: begun.append(True), nothing)
    assert caught.value is error
    assert not begun


@pytest.mark.parametrize("error", [Interruption(), Failure("a handler's")])
def test_an_exception_out_of_start_is_an_interruption_once_the_work_has_begun(
        error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may arrive as soon as there is a thread."""
    steps: list[str] = []
    begun = threading.Event()
    start = _thread.start_new_thread

    def interrupted_start(work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        start(work, arguments)
        begun.wait()
        raise error

    def work() -> None:
        begun.set()
        time.sleep(0.05)
        steps.append("done")
    monkeypatch.setattr(_thread, "start_new_thread", interrupted_start)
    with pytest.raises(type(error)) as caught:
        shield.run(work, nothing)
    assert caught.value is error
    assert steps == ["done"]


def test_a_system_without_a_thread_to_give_is_an_error_for_people() -> None:
    """A limit on processes, or on memory, as containers have one. Nothing was sent."""
    before = threading.stack_size(1 << 46)
    try:
        with pytest.raises(TraktUnavailable, match="Nothing was sent") as caught:
            shield.run(nothing, nothing)
    finally:
        threading.stack_size(before)
    assert type(caught.value) is TraktUnavailable  # By which the exit status is known.
    assert caught.value.__context__ is None
    assert not caught.value.outcome_unknown


def test_a_write_is_completed_where_there_is_no_thread_to_give() -> None:
    """What is to be written has come already."""
    written: list[bool] = []
    before = threading.stack_size(1 << 46)
    try:
        shield.complete(lambda: written.append(True))
    finally:
        threading.stack_size(before)
    assert written == [True]


def test_a_write_within_shielded_work_is_a_part_of_it() -> None:
    """It needs no other thread, which may not be had any more."""
    threads: list[int] = []

    def work() -> int:
        shield.complete(lambda: threads.append(threading.get_ident()))
        return threading.get_ident()
    assert shield.run(work, nothing) == threads[0]
    shield.complete(lambda: threads.append(threading.get_ident()))
    assert threads[1] != threading.get_ident()
