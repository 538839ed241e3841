"""What a host's own functions and signal handlers raise comes out as it is, with nothing lost."""
from __future__ import annotations

import copy
import errno
import os
import pickle
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest
import requests
from urllib3.util import wait

from tests.support.clocks import Clock
from trakt_config import Dialog, LoginRequired, SaveError, TraktAuth, authorize, login
from trakt_config.oauth import transport
from trakt_config.sandbox import Answer, Sandbox
from trakt_config.storage import held

#: Of the system's classes with a number and without, of any other, and of ours.
ERRORS = {
    "no number": TimeoutError("mine"),
    "gone": BrokenPipeError(errno.EPIPE, "gone"),
    "not found": FileNotFoundError(errno.ENOENT, "mine"),
    "there": FileExistsError("mine"),
    "no right": PermissionError(errno.EACCES, "mine"),
    "no lock": BlockingIOError(errno.EAGAIN, "mine"),
    "value": ValueError("mine"),
    "ours": LoginRequired("mine", path="another"),
}
#: By a signal handler: not one of ours.
RAISED = {name: error for name, error in ERRORS.items() if name != "ours"}
WEEK = 604800


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(clock=clock, interval=5) as running:
        yield running


#: Each function that a host gives to `login`, and the method that calls it.
FUNCTIONS = [
    ("device", "show_code"), ("device", "countdown"), ("device", "wants_page"),
    ("device", "offer_new_code"), ("device", "show_account"), ("device", "sleep"),
    ("device", "clock"), ("device", "monotonic"), ("browser", "show_address"),
    ("browser", "countdown"), ("pin", "show_address"), ("pin", "ask_pin"),
    ("pin", "offer_new_pin")]

Sign = Callable[..., object]


@pytest.fixture
def sign(clock: Clock, sandbox: Sandbox, environ: Mapping[str, str]) -> Sign:
    """`login` with one function of the host's in the place of one that does its work."""
    def run(path: Path, method: Any, name: str, function: Any) -> object:
        def show_code(code: Any) -> None:
            sandbox.activate(code.user_code, allow=True)

        options: dict[str, Any] = {"clock": clock, "monotonic": clock, "sleep": clock.sleep}
        dialog: dict[str, Any] = {"show_code": show_code, "show_address": str,
                                  "ask_pin": lambda: "a b", "open_browser": lambda url: True}
        if name == "offer_new_code":
            sandbox.answer(Answer(410), path="/oauth/device/token")
        (options if name in options else dialog)[name] = function
        return login(path, method=method, dialog=Dialog(**dialog), environ=environ, **options)
    return run


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("method", "name"), FUNCTIONS)
def test_what_a_function_of_the_host_raises(method: str, name: str, config: Any, sign: Sign,
                                            port: int) -> None:
    """The very same, with nothing behind it; the file is as it was, or signed in; nothing is left
    beside it, and nobody listens any more.
    """
    path = config(redirect_uri=f"http://127.0.0.1:{port}/")
    before = path.read_bytes()
    for error in ERRORS.values():
        def fails(*_: object, error: Exception = error) -> object:
            raise error

        with pytest.raises(type(error)) as caught:
            sign(path, method, name, fails)
        assert caught.value is error
        assert error.__context__ is None and error.__cause__ is None
        assert (path.read_bytes() == before) == (name != "show_account")
        assert os.listdir(path.parent) == [path.name]
        path.write_bytes(before)
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("method", "name"), FUNCTIONS)
def test_a_function_that_returns_something_to_await(method: str, name: str, config: Any, sign: Sign,
                                                    port: int) -> None:
    """It is refused at once where it is seen to be async, else where it is called."""
    async def to_await(*_: object) -> None:
        """Nobody awaits it."""

    class Awaited:
        async def __call__(self, *_: object) -> None:
            """Nobody awaits it."""

    path = config(redirect_uri=f"http://127.0.0.1:{port}/")
    before = path.read_bytes()
    for function in (to_await, Awaited()):
        with pytest.raises(TypeError, match=f"^{name} has to be a plain .* an async one$"):
            sign(path, method, name, function)
    with pytest.raises(TypeError, match=f"^{name} has to be a plain .* what it returns$"):
        sign(path, method, name, lambda *_: to_await())
    assert (path.read_bytes() == before) == (name != "show_account")
    assert os.listdir(path.parent) == [path.name]


def test_an_open_browser_that_returns_something_to_await(config: Any, port: int,
                                                         environ: Mapping[str, str]) -> None:
    async def to_await() -> None:
        """Nobody awaits it."""

    path = config(redirect_uri=f"http://127.0.0.1:{port}/")
    with pytest.raises(LoginRequired, match="nobody awaits what it returns") as caught:
        login(path, method="browser", environ=environ,
              dialog=Dialog(open_browser=lambda url: to_await()))  # type: ignore[arg-type,return-value]
    assert caught.value.reason == "no_browser"


@pytest.mark.parametrize("name", ["clock", "monotonic"])
@pytest.mark.parametrize("told", ["now", None, float("nan"), float("inf"), -float("inf"),
                                  10 ** 400, -10 ** 400, 1e18])
def test_a_clock_that_tells_no_number(name: str, told: Any, config: Any, sign: Sign) -> None:
    with pytest.raises(TypeError, match=f"^{name} has to return a number of seconds"):
        sign(config(), "device", name, lambda: told)


@pytest.mark.parametrize("told", [10 ** 400, float("inf"), "now"])
@pytest.mark.parametrize("good", range(6))
def test_a_clock_that_goes_wrong_loses_nothing(good: int, told: Any, sandbox: Sandbox, config: Any,
                                               environ: Mapping[str, str]) -> None:
    """Whichever of its calls is the first to."""
    path = config(sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK))
    calls = iter(range(good))

    def clock() -> Any:
        return told if next(calls, None) is None else time.time()

    try:
        authorize(path, clock=clock, environ=environ)
    except TypeError:
        pass
    assert sandbox.honours_access(authorize(path, environ=environ).access_token)
    assert len(sandbox.token_requests) == 1


def test_a_clock_that_fails_once_trakt_has_answered(
        sandbox: Sandbox, config: Any, environ: Mapping[str, str]) -> None:
    """First comes the answer."""
    path = config(sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK))

    def clock() -> float:
        if sandbox.token_requests:
            raise ERRORS["gone"]
        return time.time()

    with pytest.raises(BrokenPipeError):
        authorize(path, clock=clock, environ=environ)
    authorize(path, environ=environ)
    assert len(sandbox.token_requests) == 1 and os.listdir(path.parent) == [path.name]


def test_a_clock_of_trakt_auth_fails(sandbox: Sandbox, config: Any,
                                     environ: Mapping[str, str]) -> None:
    def clock() -> float:
        if failing:
            raise ERRORS["gone"]
        return time.time()

    failing: list[bool] = []
    auth = TraktAuth(config(sandbox.issue_authorization()), clock=clock, environ=environ)
    request = requests.Request("GET", f"{sandbox.url}/users/settings")
    auth(request.prepare())
    failing.append(True)
    with pytest.raises(BrokenPipeError):
        auth(request.prepare())


def test_a_copy_of_a_dialog_has_what_the_dialog_has() -> None:
    for dialog in (Dialog(), Dialog(show_code=print), Dialog(ask_pin=input, show_address=print)):
        for copied in (copy.copy(dialog), copy.deepcopy(dialog),
                       pickle.loads(pickle.dumps(dialog))):
            assert copied == dialog
            assert all(copied.has(name) == dialog.has(name) for name in vars(dialog))


# Signal handlers

Raising = Callable[[Any, str, Exception], None]


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Iterator[Raising]:
    """Let a signal's handler raise this error when the main thread calls this function."""
    handler = signal.getsignal(signal.SIGALRM)

    def prepare(module: Any, name: str, error: Exception) -> None:
        def handle(number: int, frame: object) -> None:
            raise error

        original = getattr(module, name)

        def interrupted(*given: Any, **named: Any) -> Any:
            if threading.current_thread() is threading.main_thread():
                monkeypatch.setattr(module, name, original)
                signal.raise_signal(signal.SIGALRM)
            return original(*given, **named)

        signal.signal(signal.SIGALRM, handle)
        monkeypatch.setattr(module, name, interrupted)

    yield prepare
    signal.signal(signal.SIGALRM, handler)


needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs signals")


@needs_signals
@pytest.mark.sampled(1)
@pytest.mark.parametrize("error", RAISED.values(), ids=RAISED)
@pytest.mark.parametrize("module, name", [
    (os.path, "realpath"), (os, "open"), (os, "stat"), (os, "fstat"), (os, "read"),
    (os, "fsync"), (os, "ftruncate"), (os, "unlink"), (os, "close")],
    ids=lambda given: getattr(given, "__name__", given))
def test_a_signal_during_a_call_to_the_system(
        module: Any, name: str, error: Exception, sandbox: Sandbox, config: Any, raising: Raising,
        environ: Mapping[str, str]) -> None:
    path = config(sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK))
    raising(module, name, error)
    with pytest.raises(type(error)) as caught:
        authorize(path, environ=environ)
    assert caught.value is error
    authorize(path, environ=environ)
    assert len(sandbox.token_requests) == 1 and os.listdir(path.parent) == [path.name]


@needs_signals
@pytest.mark.sampled(1)
@pytest.mark.parametrize("error", RAISED.values(), ids=RAISED)
def test_a_signal_while_another_run_has_the_lock(
        error: Exception, sandbox: Sandbox, config: Any, raising: Raising,
        environ: Mapping[str, str]) -> None:
    path = config(sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK))
    answer = sandbox.hold()
    other = threading.Thread(target=authorize, args=(path,), kwargs={"environ": environ})
    other.start()
    answer.wait()
    raising(held.time, "sleep", error)
    try:
        with pytest.raises(type(error)) as caught:
            authorize(path, environ=environ)
    finally:
        answer.release()
        other.join()
    assert caught.value is error
    assert len(sandbox.token_requests) == 1 and os.listdir(path.parent) == [path.name]


@needs_signals
@pytest.mark.sampled(1)
@pytest.mark.parametrize("error", RAISED.values(), ids=RAISED)
def test_a_signal_while_trakt_answers(error: Exception, sandbox: Sandbox, config: Any,
                                      raising: Raising, environ: Mapping[str, str]) -> None:
    """What comes is saved first."""
    path = config(sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK))
    answer = sandbox.hold()

    def raise_signal() -> None:
        answer.wait()
        signal.pthread_kill(main, signal.SIGALRM)
        answer.release()

    main = threading.main_thread().ident or 0
    raising(os, "getlogin", error)  # For its handler alone.
    sender = threading.Thread(target=raise_signal)
    sender.start()
    with pytest.raises(type(error)) as caught:
        authorize(path, environ=environ)
    sender.join()
    assert caught.value is error
    authorize(path, environ=environ)
    assert len(sandbox.token_requests) == 1 and os.listdir(path.parent) == [path.name]


@needs_signals
@pytest.mark.sampled(1)
@pytest.mark.parametrize("error", RAISED.values(), ids=RAISED)
@pytest.mark.parametrize("path_", ["/oauth/device/code", "/users/settings"])
def test_a_signal_while_trakt_is_asked_for_what_may_be_lost(
        path_: str, error: Exception, sandbox: Sandbox, config: Any, raising: Raising,
        environ: Mapping[str, str], clock: Clock) -> None:
    """For a device code, or a name: there urllib3 and requests wrap the system's errors."""
    path = config()

    def show_code(code: Any) -> None:
        sandbox.activate(code.user_code, allow=True)
        raising(transport, "be_patient", error)

    if path_ == "/oauth/device/code":
        raising(wait, "wait_for_socket", error)
    with pytest.raises(type(error)) as caught:
        login(path, environ=environ, clock=clock, monotonic=clock, sleep=clock.sleep,
              dialog=Dialog(show_code=show_code, show_account=print))
    assert caught.value is error
    assert os.listdir(path.parent) == [path.name]


@needs_signals
def test_a_signal_while_the_config_is_parsed(sandbox: Sandbox, config: Any, raising: Raising,
                                             environ: Mapping[str, str]) -> None:
    """ruamel.yaml may raise anything."""
    from ruamel.yaml.parser import Parser

    path = config(sandbox.issue_authorization())
    raising(Parser, "parse_block_mapping_key", ERRORS["value"])
    with pytest.raises(ValueError, match="mine"):
        authorize(path, environ=environ)


@needs_signals
def test_the_system_fails_all_the_same(config: Any, sandbox: Sandbox, environ: Mapping[str, str],
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """What no handler raised, and what has a number, is the system's."""
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    path = config(sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SaveError, match="No space left"):
        authorize(path, environ=environ, lock_timeout=timedelta(seconds=5))


def test_the_first_that_a_countdown_raises_comes_out(config: Any, sign: Sign) -> None:
    """It is called once more, with None."""
    def countdown(left: float | None) -> None:
        raise TimeoutError(str(left))

    with pytest.raises(TimeoutError, match="^[0-9]"):
        sign(config(), "device", "countdown", countdown)


@pytest.mark.parametrize("error", [PermissionError("no number"), OSError(errno.EIO, "broken")])
def test_an_error_that_no_handler_raised_is_the_systems(
        error: OSError, sandbox: Sandbox, config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(sandbox.issue_authorization(created_at=int(time.time()) - 2 * 604800))

    def broken(*arguments: Any, **named: Any) -> None:
        raise error

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(SaveError):
        authorize(path, environ=sandbox.environ)
    monkeypatch.undo()
    assert sandbox.honours_access(authorize(path, environ=sandbox.environ).access_token)
