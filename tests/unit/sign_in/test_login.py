"""Signing in: what is asked of Trakt and of the person, what is saved, and what is never lost."""
from __future__ import annotations

import json
import logging
import os
import re
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import pytest

from tests.support.clocks import Clock
from trakt_config import document, storage
from trakt_config.authorization import authorize
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.redeem import reserve
from trakt_config.authorization.run import Options, Run
from trakt_config.errors import (
    ClientRejected,
    ConfigError,
    LockTimeout,
    LoginRequired,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
)
from trakt_config.sandbox import Answer, Sandbox
from trakt_config.sandbox.issuer import challenge_for
from trakt_config.sign_in import authorization_code
from trakt_config.sign_in.browser import open_browser
from trakt_config.sign_in.methods import DeviceCode, Dialog, login
from trakt_config.tokens import AUTHORIZATION_KEYS, Authorization

DEVICE_TOKEN = "/oauth/device/token"
DENIED = Answer(418)
LOST = Answer(process=True, cut="close")


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(clock=clock, interval=getattr(request, "param", 5)) as running:
        yield running


#: Ten polls in the life of a code, instead of 120.
polled_seldom = pytest.mark.parametrize("sandbox", [60], indirect=True)

Login = Callable[..., Authorization]


def each(*callbacks: Callable[[DeviceCode], object]) -> Callable[[DeviceCode], object]:
    """One callback that calls them all."""
    def call(code: DeviceCode) -> None:
        for callback in callbacks:
            callback(code)
    return call


@pytest.fixture
def sign_in(clock: Clock, environ: Mapping[str, str]) -> Login:
    """`login`, on the fake clock and against the sandbox; the dialog's callbacks by name."""
    def run(config: Path, method: Any = "device", lock_timeout: timedelta = timedelta(seconds=0.05),
            **dialog: Any) -> Authorization:
        for name, silent in (("open_browser", lambda url: False), ("show_code", print),
                             ("show_address", print), ("ask_pin", str)):
            dialog.setdefault(name, silent)
        return login(config, method=method, dialog=Dialog(**dialog), clock=clock, monotonic=clock,
                     sleep=clock.sleep, environ=environ, lock_timeout=lock_timeout)
    return run


def approving(sandbox: Sandbox, clock: Clock, after: float = 12,
              allow: bool = True) -> Callable[[DeviceCode], None]:
    """A person who is shown a code and enters it `after` seconds."""
    def show(code: DeviceCode) -> None:
        clock.events[clock.passed + after] = lambda: sandbox.activate(code.user_code, allow=allow)
    return show


def values(config: Path) -> dict[str, str]:
    found = document.parse(config.read_bytes()).authorization
    return {key: found[key].text for key in AUTHORIZATION_KEYS}


def polls(sandbox: Sandbox) -> list[int | None]:
    return [request.status for request in sandbox.ledger if request.path == DEVICE_TOKEN]


def assert_signed_in(config: Path, before: bytes, authorization: Authorization,
                     sandbox: Sandbox) -> None:
    """The tokens are in the file and work; every other line is as it was; nothing is left over."""
    assert values(config) == authorization.values()
    assert sandbox.honours_access(authorization.access_token)
    assert sandbox.honours_refresh(authorization.refresh_token)
    old, new = before.splitlines(), config.read_bytes().splitlines()
    assert len(old) == len(new)
    changed = {line.split(b":")[0].strip().decode() for line, other in zip(old, new)
               if line != other}
    assert changed <= {*AUTHORIZATION_KEYS, "pin"}
    assert_clean(config)


def assert_clean(config: Path) -> None:
    assert os.listdir(config.parent) == [config.name]


@contextmanager
def untouched(config: Path) -> Iterator[None]:
    before = config.read_bytes(), config.stat().st_mtime_ns
    yield
    assert (config.read_bytes(), config.stat().st_mtime_ns) == before


# Device code


def test_device(sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login) -> None:
    path = config()
    before = path.read_bytes()
    shown: list[DeviceCode] = []
    approve = approving(sandbox, clock)
    authorization = sign_in(path, show_code=each(shown.append, approve))
    assert_signed_in(path, before, authorization, sandbox)
    assert polls(sandbox) == [400, 400, 200] and clock.passed == 15
    code, = shown
    assert (code.expires_in, code.interval) == (600, 5)
    assert code.verification_url == f"{sandbox.url}/activate"


def test_device_polls_send_the_client(sandbox: Sandbox, clock: Clock, config: Any,
                                      sign_in: Login) -> None:
    sign_in(config(), show_code=approving(sandbox, clock, after=0))
    request = sandbox.ledger[-1]
    assert request.body is not None
    assert set(request.body) == {"code", "client_id", "client_secret"}


def test_it_overrides_what_is_there_and_the_pin(sandbox: Sandbox, clock: Clock, config: Any,
                                                sign_in: Login) -> None:
    """A fresh authorization and a pin that waits are both superseded by who signs in now."""
    path = config(sandbox.issue_authorization(), pin=sandbox.issue_code())
    before = path.read_bytes()
    authorization = sign_in(path, show_code=approving(sandbox, clock))
    assert_signed_in(path, before, authorization, sandbox)
    assert b"pin:\n" in path.read_bytes()
    assert sandbox.token_requests == []


def test_the_countdown_counts_by_seconds_and_ends(sandbox: Sandbox, clock: Clock, config: Any,
                                                  sign_in: Login) -> None:
    seen: list[float | None] = []
    sign_in(config(), show_code=approving(sandbox, clock, after=2), countdown=seen.append)
    assert [left if left is None else round(left) for left in seen] == [
        600, 599, 598, 597, 596, None]


def test_slow_down_is_for_good(sandbox: Sandbox, clock: Clock, config: Any,
                               sign_in: Login) -> None:
    sandbox.answer(Answer(429), times=2, path=DEVICE_TOKEN)
    sign_in(config(), show_code=approving(sandbox, clock, after=20))
    assert polls(sandbox) == [429, 429, 200]
    assert clock.passed == 5 + 10 + 15


@polled_seldom
def test_the_code_expires(sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login) -> None:
    path = config()
    with untouched(path), pytest.raises(LoginRequired, match="expired") as caught:
        sign_in(path)
    assert (caught.value.reason, caught.value.path) == ("expired", str(path))
    assert clock.passed == 600 and len(polls(sandbox)) <= 10
    assert_clean(path)


@polled_seldom
def test_another_code_is_offered(sandbox: Sandbox, clock: Clock, config: Any,
                                 sign_in: Login) -> None:
    path, shown, offered = config(), [], []

    def show(code: DeviceCode) -> None:
        shown.append(code.user_code)
        if len(shown) == 2:
            approving(sandbox, clock)(code)

    def offer(why: str) -> bool:
        offered.append(why)
        return True

    sign_in(path, show_code=show, offer_new_code=offer)
    assert len(set(shown)) == 2 and len(offered) == 1 and "expired" in offered[0]


@pytest.mark.parametrize("status, reason, words", [
    (404, "expired", "does not know this code"), (409, "answer_lost", "was lost"),
    (410, "expired", "expired"),
])
def test_a_code_that_has_ended(status: int, reason: str, words: str, sandbox: Sandbox,
                               config: Any, sign_in: Login) -> None:
    offered: list[Any] = []
    path = config()
    sandbox.answer(Answer(status), path=DEVICE_TOKEN)
    with untouched(path), pytest.raises(LoginRequired, match=words) as caught:
        sign_in(path, offer_new_code=offered.append)
    assert caught.value.reason == reason and len(offered) == 1
    assert_clean(path)


def test_denied(sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login) -> None:
    """The person has said no: no other code is offered."""
    path = config()
    with untouched(path), pytest.raises(LoginRequired, match="denied") as caught:
        sign_in(path, show_code=approving(sandbox, clock, allow=False),
                offer_new_code=lambda why: pytest.fail("offered"))
    assert caught.value.reason == "denied"
    assert_clean(path)


@pytest.mark.parametrize("failure", [
    pytest.param(Answer(503, b"<html>down</html>"), id="5xx"),
    pytest.param(Answer(520), id="520"),
    pytest.param(Answer(cut="reset"), id="cut"),
    pytest.param(Answer(200, b"<html>sign in to the Wi-Fi</html>"), id="captive portal"),
    pytest.param(Answer(200, b'{"access_token": 5}'), id="nonsense"),
])
def test_failures_pass(failure: Answer, sandbox: Sandbox, clock: Clock, config: Any,
                       sign_in: Login, caplog: pytest.LogCaptureFixture) -> None:
    """It goes on asking, and says so once."""
    path = config()
    before = path.read_bytes()
    sandbox.answer(failure, times=3, path=DEVICE_TOKEN)
    authorization = sign_in(path, show_code=approving(sandbox, clock))
    assert_signed_in(path, before, authorization, sandbox)
    warnings = [record.getMessage() for record in caplog.records
                if record.levelno == logging.WARNING]
    assert len(warnings) == 1 and "asking again until the code expires" in warnings[0]


def test_a_config_that_breaks_meanwhile_is_named_with_its_place(
        sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login,
        caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is sent until it is mended, and then the sign-in goes on."""
    path = config()
    before = path.read_bytes()

    def show(code: DeviceCode) -> None:
        approving(sandbox, clock)(code)
        path.write_bytes(before + b"  x: [\n")
        clock.events[clock.passed + 20] = lambda: path.write_bytes(before)

    assert_signed_in(path, before, sign_in(path, show_code=show), sandbox)
    said = [record.getMessage() for record in caplog.records
            if record.levelno == logging.WARNING]
    assert len(said) == 1 and re.match(
        re.escape(str(path)) + r":\d+:\d+: .*; once that is mended, the sign-in goes on by itself",
        said[0])


@pytest.mark.parametrize("redirect_uri, words, advice", [
    ("https://127.0.0.1:8765/callback", "http, not https", "write http in place of https"),
    ("https://example.org/callback", "on this machine, with a port", "change it to `redirect_uri")])
def test_a_redirect_uri_that_a_browser_cannot_be_sent_back_to(
        redirect_uri: str, words: str, advice: str, config: Any, sign_in: Login) -> None:
    """What is wrong with it is said, and where."""
    path = config(redirect_uri=redirect_uri)
    with untouched(path), pytest.raises(ConfigError, match=words) as caught:
        sign_in(path, "browser")
    assert advice in caught.value.hint and caught.value.line and caught.value.column
    assert_clean(path)


@polled_seldom
def test_failing_until_the_end(sandbox: Sandbox, clock: Clock, config: Any,
                               sign_in: Login) -> None:
    path = config()
    sandbox.answer(Answer(503), times=200, path=DEVICE_TOKEN)
    with untouched(path), pytest.raises(TraktUnavailable, match="503"):
        sign_in(path)
    assert clock.passed == 600


def test_a_lost_answer_is_said_to_be_lost(sandbox: Sandbox, clock: Clock, config: Any,
                                          sign_in: Login) -> None:
    """Trakt gave the tokens and the connection broke: the next poll says 409."""
    path = config()
    sandbox.answer(Answer(process=True), times=2, path=DEVICE_TOKEN)
    sandbox.answer(LOST, path=DEVICE_TOKEN)
    with untouched(path), pytest.raises(LoginRequired, match="was lost") as caught:
        sign_in(path, show_code=approving(sandbox, clock))
    assert caught.value.reason == "answer_lost"
    assert polls(sandbox)[-2:] == [None, 409]


@polled_seldom
@pytest.mark.parametrize("later, kind", [(429, TraktUnavailable), (400, LoginRequired)])
def test_a_lost_answer_is_in_doubt_until_trakt_says_more(
        later: int, kind: type[TraktConfigError], sandbox: Sandbox, config: Any,
        sign_in: Login) -> None:
    """Polled too often says nothing; nobody has signed in yet says that nothing is lost."""
    path = config()
    sandbox.answer(Answer(cut="close"), path=DEVICE_TOKEN)
    sandbox.answer(Answer(later), times=20, path=DEVICE_TOKEN)
    with untouched(path), pytest.raises(kind) as caught:
        sign_in(path)
    in_doubt = later == 429
    assert getattr(caught.value, "outcome_unknown", False) is in_doubt
    assert ("The device code may be spent." in str(caught.value)) is in_doubt


def test_a_refused_client(sandbox: Sandbox, config: Any, sign_in: Login) -> None:
    path = config()
    path.write_text(path.read_text().replace(sandbox.client_id, "another-id"))
    with untouched(path), pytest.raises(ClientRejected):
        sign_in(path)
    assert_clean(path)


# Saving


def test_saving_is_proved_before_a_person_is_asked(sandbox: Sandbox, config: Any, sign_in: Login,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    def full(held: storage.Held, note: bytes, size: int) -> None:
        raise SaveError("no room")

    monkeypatch.setattr(storage.Held, "reserve", full)
    for method in ("device", "pin"):
        with pytest.raises(SaveError):
            sign_in(config(), method, show_address=lambda url: pytest.fail("asked"))
    assert sandbox.ledger == []


def test_other_runs_are_not_locked_out(sandbox: Sandbox, clock: Clock, config: Any,
                                       sign_in: Login, environ: Mapping[str, str]) -> None:
    """A refresh happens in the middle; then the sign-in overrides what it saved."""
    path = config(sandbox.issue_authorization())
    before = path.read_bytes()
    refreshed: list[Authorization] = []
    clock.events[7] = lambda: refreshed.append(authorize.ensure_authorized(path, Options(
        force=True, environ=environ, clock=clock)).authorization)
    authorization = sign_in(path, show_code=approving(sandbox, clock))
    assert len(refreshed) == 1 and refreshed[0].access_token != authorization.access_token
    assert_signed_in(path, before, authorization, sandbox)


def test_a_busy_lock_is_waited_for(sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login,
                                   environ: Mapping[str, str],
                                   caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is sent meanwhile, and the code stays good."""
    path = config()
    other = storage.hold(str(path), timeout=1, environ=environ, warn=print)
    clock.events[3] = other.__enter__
    clock.events[13] = lambda: other.__exit__(None, None, None)
    sign_in(path, show_code=approving(sandbox, clock, after=4))
    assert polls(sandbox) == [200] and clock.passed == 15
    assert "another run has held the config" in caplog.text


def test_a_lock_that_stays_busy(sandbox: Sandbox, config: Any, sign_in: Login,
                                environ: Mapping[str, str]) -> None:
    path = config()
    with storage.hold(str(path), timeout=1, environ=environ, warn=print):
        with pytest.raises(LockTimeout):
            sign_in(path)
    assert sandbox.ledger == []


def test_edits_meanwhile_stay(sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login) -> None:
    path = config()

    def edit() -> None:
        path.write_bytes(path.read_bytes() + b"plex:\n  url: http://plex\n")

    clock.events[8] = edit
    authorization = sign_in(path, show_code=approving(sandbox, clock))
    assert path.read_bytes().endswith(b"plex:\n  url: http://plex\n")
    assert values(path) == authorization.values()


def test_tokens_that_come_in_during_the_last_request_stay(sandbox: Sandbox, clock: Clock,
                                                          config: Any, sign_in: Login) -> None:
    path = config(sandbox.issue_authorization())
    theirs = sandbox.issue_authorization()
    text = path.read_text()
    for key, value in values(path).items():
        text = text.replace(f"{key}: {value}", f"{key}: {theirs[key]}", 1)
    hold = sandbox.hold(DEVICE_TOKEN)

    def meddle() -> None:
        hold.wait()
        path.write_text(text)
        hold.release()

    meddler = threading.Thread(target=meddle)
    meddler.start()
    authorization = sign_in(path, show_code=approving(sandbox, clock, after=1))
    meddler.join()
    assert authorization.access_token == theirs["access_token"]
    assert path.read_text() == text


@pytest.mark.parametrize("method", ["device", "browser", "pin"])
def test_an_answer_that_cannot_be_saved_is_in_the_journal(
        method: str, sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login, port: int,
        environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run puts it in, without a request."""
    path = config(sandbox.issue_authorization(created_at=int(clock()) - 10 ** 6),
                  redirect_uri=f"http://127.0.0.1:{port}/callback")
    before = path.read_bytes()

    def broken(held: storage.Held, expected: bytes, new: bytes) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch, untouched(path):
        patch.setattr(storage.Held, "replace", broken)
        with pytest.raises(SaveError) as caught:
            sign_in(path, method, **everybody(sandbox, clock))
    assert caught.value.authorization is not None
    assert caught.value.authorization.access_token not in f"{caught.value}{caught.value!r}"
    assert clock.passed < 60  # It is told at once, and not when the code expires.
    asked = len(sandbox.ledger)
    result = authorize.ensure_authorized(path, Options(environ=environ, clock=clock))
    assert (result.outcome.value, len(sandbox.ledger)) == ("adopted", asked)
    assert_signed_in(path, before, caught.value.authorization, sandbox)


class Killed(BaseException):
    """What ends a run in the middle of it, without a word."""


@pytest.mark.parametrize("step", ["journal", "parse", "save", "replace", "discard_journal"])
def test_a_sign_in_that_is_cut_short_is_never_lost(
        step: str, sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login,
        environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """From the durable answer on, the tokens are in the config or in the journal."""
    path = config()
    before = path.read_bytes()
    kill_at(step, monkeypatch)
    with pytest.raises(Killed):
        sign_in(path, show_code=approving(sandbox, clock))
    monkeypatch.undo()
    assert polls(sandbox)[-1] == 200
    issued = sandbox.ledger[-1]
    assert issued.issued
    result = authorize.ensure_authorized(path, Options(environ=environ, clock=clock))
    assert sandbox.ledger[-1] == issued
    assert_signed_in(path, before, result.authorization, sandbox)


def kill_at(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the run die there, and leave the journal as a killed process does."""
    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    real_close = storage.Held.close

    def close(held: storage.Held) -> None:
        held.keep_journal()
        real_close(held)

    real_record = storage.Held.record

    def record(held: storage.Held, answer: bytes, at: float) -> None:
        monkeypatch.setattr(storage.Held, "close", close)
        real_record(held, answer, at)
        if step == "journal":
            raise Killed

    def parse(body: bytes, **_: Any) -> None:
        raise Killed

    monkeypatch.setattr(storage.Held, "record", record)
    if step == "parse":
        monkeypatch.setattr(Authorization, "from_response", parse)
    elif step == "save":
        monkeypatch.setattr("trakt_config.authorization.save.save", killed)
    elif step in ("replace", "discard_journal"):
        monkeypatch.setattr(storage.Held, step, killed_after_answer(step))


def killed_after_answer(step: str) -> Callable[..., None]:
    real = getattr(storage.Held, step)

    def call(held: storage.Held, *rest: Any) -> None:
        if held._journal.is_pending:
            raise Killed
        real(held, *rest)
    return call


def test_a_left_over_is_finished_first(sandbox: Sandbox, clock: Clock, config: Any,
                                       sign_in: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    path = config()
    with monkeypatch.context() as patch:
        kill_at("save", patch)
        with pytest.raises(Killed):
            sign_in(path, show_code=approving(sandbox, clock))
    seen: list[str] = []

    def show(code: DeviceCode) -> None:
        seen.append(values(path)["access_token"])
        approving(sandbox, clock)(code)

    authorization = sign_in(path, show_code=show)
    assert sandbox.honours_access(seen[0]) and seen[0] != authorization.access_token
    assert values(path) == authorization.values()
    assert_clean(path)


def test_a_poll_that_is_cut_short_leaves_no_doubt_about_the_refresh_token(
        sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login, environ: Mapping[str, str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    """It was never sent: the next run refreshes as if nothing had been."""
    path = config(sandbox.issue_authorization(created_at=int(clock()) - 10 ** 6))
    real_close = storage.Held.close

    def close(held: storage.Held) -> None:
        held.keep_journal()
        real_close(held)

    def killed(*_: Any, **__: Any) -> None:
        monkeypatch.setattr(storage.Held, "close", close)
        raise Killed

    monkeypatch.setattr("trakt_config.oauth.TraktClient.poll", killed)
    with pytest.raises(Killed):
        sign_in(path)
    monkeypatch.undo()
    assert len(os.listdir(path.parent)) == 2
    result = authorize.ensure_authorized(path, Options(environ=environ, clock=clock))
    assert result.outcome.value == "refreshed"
    assert_clean(path)


@polled_seldom
def test_a_refresh_in_doubt_stays_in_doubt_until_somebody_has_signed_in(
        sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login, environ: Mapping[str, str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(sandbox.issue_authorization())
    run = Run.on(path, Options(environ=environ, clock=clock))
    real_close = storage.Held.close

    def close(held: storage.Held) -> None:
        held.keep_journal()
        real_close(held)

    with monkeypatch.context() as patch:
        patch.setattr(storage.Held, "close", close)
        with run.hold() as held:
            snapshot = run.read()
            reserve(held, snapshot, Intent.of(snapshot))
    with pytest.raises(LoginRequired):
        sign_in(path)
    left = [name for name in os.listdir(path.parent) if name != path.name]
    assert len(left) == 1
    authorization = sign_in(path, show_code=approving(sandbox, clock))
    assert values(path) == authorization.values()
    assert_clean(path)


def test_a_journal_of_a_newer_version_is_left_alone(sandbox: Sandbox, config: Any,
                                                    sign_in: Login) -> None:
    path = config()
    journal = path.parent / f".{path.name}.trakt-journal"
    journal.write_bytes(b"trakt_config journal 99\nwhatever\n")
    journal.chmod(0o600)
    with pytest.raises(SaveError, match="newer version"):
        sign_in(path)
    assert journal.exists() and sandbox.ledger == []


@pytest.mark.parametrize("what", ["a directory", "a link", "something that is not a file"])
def test_something_else_in_the_configs_place(what: str, sandbox: Sandbox, clock: Clock, config: Any,
                                             sign_in: Login, caplog: pytest.LogCaptureFixture,
                                             ) -> None:
    """Said at once, and before the approval is spent: with the file back, the sign-in goes on."""
    path = config()
    before, aside = path.read_bytes(), path.with_name("aside.yml")

    def replace() -> None:
        path.rename(aside)
        {"a directory": path.mkdir, "a link": lambda: path.symlink_to(aside),
         "something that is not a file": lambda: os.mkfifo(path)}[what]()

    def put_back() -> None:
        assert f"the config was replaced by {what} meanwhile: put the file back" in caplog.text
        assert polls(sandbox) == []
        path.rmdir() if path.is_dir() else path.unlink()
        aside.rename(path)

    clock.events.update({2: replace, 13: put_back})
    authorization = sign_in(path, show_code=approving(sandbox, clock, after=1))
    assert_signed_in(path, before, authorization, sandbox)


def test_something_else_in_the_configs_place_before_a_pin_is_sent(
        sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login) -> None:
    path = config()
    person = everybody(sandbox, clock)

    def ask() -> str:
        path.unlink()
        path.mkdir()
        return str(person["ask_pin"]())

    with pytest.raises(ConfigError, match="replaced by a directory") as caught:
        sign_in(path, "pin", **{**person, "ask_pin": ask})
    assert "login" in caught.value.hint and sandbox.token_requests == []


# Browser


def everybody(sandbox: Sandbox, clock: Clock, allow: bool = True,
              pages: list[str] | None = None) -> dict[str, Any]:
    """A person for any method, who signs in where they are asked to."""
    addresses: list[str] = []

    def browse(url: str) -> bool:
        back = sandbox.sign_in(url, allow=allow)

        def go() -> None:
            with urllib.request.urlopen(back, timeout=10) as page:
                (pages if pages is not None else []).append(page.read().decode())

        threading.Thread(target=go).start()
        return True

    return {"show_code": approving(sandbox, clock), "show_address": addresses.append,
            "open_browser": browse, "ask_pin": lambda: sandbox.sign_in(addresses[0])}


def callback(port: int, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{port}/callback"


def soon(condition: Callable[[], object]) -> bool:
    for _ in range(200):
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_browser(host: str, sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login,
                 port: int) -> None:
    pages: list[Any] = []
    path = config(redirect_uri=callback(port, host))
    before = path.read_bytes()
    authorization = sign_in(path, "browser", **everybody(sandbox, clock, pages=pages))
    assert_signed_in(path, before, authorization, sandbox)
    assert soon(lambda: pages) and "You are signed in" in pages[0]
    assert f"<p>{path} is signed in as sandbox.</p>" in pages[0]
    assert "prefers-color-scheme: dark" in pages[0] and "color-scheme: light dark" in pages[0]
    body = sandbox.token_requests[0].body
    assert body is not None and body["redirect_uri"] == callback(port, host)
    assert "code_verifier" in body and "client_secret" not in body


def test_the_address_has_state_and_pkce(sandbox: Sandbox, clock: Clock, config: Any,
                                        sign_in: Login, port: int) -> None:
    addresses: list[str] = []
    person = everybody(sandbox, clock)
    for _ in range(2):
        sign_in(config(redirect_uri=callback(port)), "browser",
                **{**person, "show_address": addresses.append})
    first, second = (dict(parse_qsl(urlsplit(address).query)) for address in addresses)
    assert first["code_challenge_method"] == "S256"
    assert len(first["state"]) >= 32 and first["state"] != second["state"]
    verifiers = [(request.body or {})["code_verifier"] for request in sandbox.token_requests]
    assert [challenge_for(verifier) for verifier in verifiers] == [
        first["code_challenge"], second["code_challenge"]]
    assert all(re.fullmatch("[A-Za-z0-9._~-]{43,128}", verifier) for verifier in verifiers)


def test_browser_with_a_server_that_insists_on_a_challenge(
        clock: Clock, home: Path, tmp_path: Path, port: int) -> None:
    with Sandbox(clock=clock, new_server=True, secret_required=True) as strict:
        path = tmp_path / "config.yml"
        path.write_text(f"trakt:\n  client_id: {strict.client_id}\n  client_secret: "
                        f"{strict.client_secret}\n  redirect_uri: {callback(port)}\n")
        login(path, method="browser", environ={**os.environ, **strict.environ}, clock=clock,
              dialog=Dialog(**everybody(strict, clock)))
        assert [request.status for request in strict.token_requests] == [400, 200]


def test_a_browser_that_returns_only_when_it_is_closed_holds_nothing_up(
        sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login, port: int) -> None:
    path, closed = config(redirect_uri=callback(port)), threading.Event()
    person = everybody(sandbox, clock)
    opens = person["open_browser"]

    def open_and_stay(url: str) -> bool:
        opens(url)
        return closed.wait(60)

    sign_in(path, "browser", **{**person, "open_browser": open_and_stay})
    assert not closed.is_set()
    closed.set()
    assert_clean(path)


def test_browser_denied(sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login,
                        port: int) -> None:
    pages: list[Any] = []
    path = config(redirect_uri=callback(port))
    with untouched(path), pytest.raises(LoginRequired, match="denied") as caught:
        sign_in(path, "browser", **everybody(sandbox, clock, allow=False, pages=pages))
    assert caught.value.reason == "denied" and sandbox.token_requests == []
    assert soon(lambda: pages) and "You are not signed in" in pages[0]
    assert_clean(path)


def test_the_page_says_what_went_wrong(sandbox: Sandbox, clock: Clock, config: Any,
                                       sign_in: Login, port: int) -> None:
    """Not that all is well, when the tokens could not be had or saved."""
    pages: list[Any] = []
    path = config(redirect_uri=callback(port))
    sandbox.answer(Answer(400, json.dumps({"error": "invalid_grant", "error_description":
                                           "<script>alert(1)</script>"}).encode()))
    with pytest.raises(LoginRequired):
        sign_in(path, "browser", **everybody(sandbox, clock, pages=pages))
    assert soon(lambda: pages)
    assert "You are not signed in" in pages[0] and "<script>" not in pages[0]
    assert "&lt;script&gt;" in pages[0]
    assert f"<p>{path} was not signed in: Trakt refused the code" in pages[0]
    assert "; the program that you signed in for says what to do.</p>" in pages[0]


def test_the_page_comes_after_the_tokens_are_saved(sandbox: Sandbox, clock: Clock, config: Any,
                                                   sign_in: Login, port: int,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[Any] = []
    path = config(redirect_uri=callback(port))
    real = storage.Held.replace
    seen_before_saving: list[int] = []

    def replace(held: storage.Held, expected: bytes, new: bytes) -> None:
        time.sleep(0.1)
        seen_before_saving.append(len(pages))
        real(held, expected, new)

    monkeypatch.setattr(storage.Held, "replace", replace)
    sign_in(path, "browser", **everybody(sandbox, clock, pages=pages))
    assert seen_before_saving == [0]


@pytest.mark.parametrize("error, kind", [
    ("server_error", TraktUnavailable), ("temporarily_unavailable", TraktUnavailable),
    ("unauthorized_client", ClientRejected), ("\x1b[2Jinvalid", ClientRejected),
])
def test_other_errors_of_the_redirect(error: str, kind: type[TraktConfigError],
                                      config: Any, sign_in: Login, port: int) -> None:
    def browse(url: str) -> bool:
        state = parse_qs(urlsplit(url).query)["state"][0]
        threading.Thread(target=lambda: urllib.request.urlopen(
            f"{callback(port)}?error={quote(error)}"
            f"&state={state}&error_description=why%0a", timeout=10).close()).start()
        return True

    with pytest.raises(kind, match="why") as caught:
        sign_in(config(redirect_uri=callback(port)), "browser", open_browser=browse)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("method", ["device", "browser", "pin"])
def test_the_account_is_named(method: str, sandbox: Sandbox, clock: Clock, config: Any,
                              sign_in: Login, port: int) -> None:
    """Somebody who was signed in to another one than they thought sees it; in the tab as well."""
    named: list[str] = []
    pages: list[str] = []
    sign_in(config(redirect_uri=callback(port)), method, show_account=named.append,
            **everybody(sandbox, clock, pages=pages))
    assert named == ["sandbox"]
    assert method != "browser" or soon(lambda: pages) and "is signed in as sandbox" in pages[0]


@pytest.mark.parametrize("method", ["browser", "pin"])
def test_a_redirect_that_quotes_a_secret(method: str, sandbox: Sandbox, config: Any,
                                         sign_in: Login, port: int) -> None:
    """Masked in the tab as well, whichever secret of the config it is."""
    path = config(sandbox.issue_authorization(), redirect_uri=callback(port))
    quoted = [values(path)["refresh_token"], values(path)["access_token"], sandbox.client_secret]
    pages: list[str] = []
    came = threading.Event()
    back = f"{callback(port)}?error=invalid_scope&error_description={quote(' '.join(quoted))}"
    addresses: list[str] = []

    def with_state(url: str) -> str:
        return f"{back}&state={parse_qs(urlsplit(url).query)['state'][0]}"

    def browse(url: str) -> bool:
        with urllib.request.urlopen(with_state(url), timeout=10) as page:
            pages.append(page.read().decode())
        came.set()
        return True

    with pytest.raises(ClientRejected, match="invalid_scope") as caught:
        sign_in(path, method, open_browser=browse, show_address=addresses.append,
                ask_pin=lambda: with_state(addresses[0]))
    assert method == "pin" or came.wait(10)
    for text in [str(caught.value), *pages]:
        assert "********" in text
        assert not [secret for secret in quoted if secret[:12] in text or secret[-12:] in text]


def test_nobody_comes_back_from_the_browser(config: Any, sign_in: Login, port: int,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorization_code, "TIME_LIMIT", 0.01)
    path = config(redirect_uri=callback(port))
    seen: list[float | None] = []
    with untouched(path), pytest.raises(LoginRequired, match="within") as caught:
        sign_in(path, "browser", countdown=seen.append)
    assert caught.value.reason == "expired" and seen[-1] is None
    assert_clean(path)


def _fails(url: str) -> bool:
    raise RuntimeError(url)


@pytest.mark.parametrize("given, system, why", [
    (lambda url: False, True, "open_browser could not open it"),
    (_fails, True, "open_browser raised RuntimeError"),
    (lambda url: sys.exit(3), True, "open_browser raised SystemExit"),
    (None, lambda url: False, "the system's browser could not open it"),
    (None, _fails, "the system's browser raised RuntimeError"),
], ids=["False", "raises", "exits", "no browser", "broken browser"])
def test_nobody_is_waited_for_who_was_told_no_address(
        given: Any, system: Any, why: str, config: Any, environ: Mapping[str, str], port: int,
        monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """Not for ten minutes, and not for one second of the countdown."""
    monkeypatch.setattr(authorization_code, "TIME_LIMIT", 20.0)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", system)
    path = config(redirect_uri=callback(port))
    seen: list[float | None] = []
    with untouched(path), pytest.raises(LoginRequired, match="no browser was opened") as caught:
        login(path, method="browser", environ=environ,
              dialog=Dialog(open_browser=given, countdown=seen.append))
    assert caught.value.reason == "no_browser" and why in caught.value.message
    assert "show_address" in caught.value.hint and "state=" not in str(caught.value)
    assert len([left for left in seen if left is not None]) <= 2 and sandbox.ledger == []
    assert_clean(path)


def test_a_callback_that_returns_nothing_may_have_opened_it(
        config: Any, environ: Mapping[str, str], port: int, sandbox: Sandbox) -> None:
    """Such as a method of a window toolkit's."""
    def opens(url: str) -> Any:
        target = sandbox.sign_in(url)
        threading.Thread(target=lambda: urllib.request.urlopen(target, timeout=10).close()).start()

    authorization = login(config(redirect_uri=callback(port)), method="browser",
                          dialog=Dialog(open_browser=opens), environ=environ)
    assert sandbox.honours_access(authorization.access_token)


@pytest.mark.parametrize("redirect_uri, line", [
    ("", 5), ("urn:ietf:wg:oauth:2.0:oob", 8), ("https://example.org/callback", 8),
    ("http://127.0.0.1/callback", 8),
])
def test_browser_needs_an_address_of_this_machine(redirect_uri: str, line: int, config: Any,
                                                  sign_in: Login, sandbox: Sandbox) -> None:
    path = config(redirect_uri=redirect_uri)
    with untouched(path), pytest.raises(ConfigError, match="redirect_uri") as caught:
        sign_in(path, "browser")
    assert caught.value.line == line
    assert caught.value.hint.startswith(f"In line {line}, change" if redirect_uri else "Add this")
    assert "`redirect_uri: http://127.0.0.1:8765/callback`" in caught.value.hint
    assert sandbox.ledger == []


def test_browser_and_a_busy_port(config: Any, sign_in: Login, port: int) -> None:
    path = config(redirect_uri=callback(port))
    with socket.create_server(("127.0.0.1", port)):
        with untouched(path), pytest.raises(ConfigError, match=f"port {port}") as caught:
            sign_in(path, "browser", show_address=lambda url: pytest.fail("asked"))
    assert caught.value.path == str(path)


@pytest.mark.parametrize("environ_, opened", [({}, False), ({"DISPLAY": ":0"}, True),
                                              ({"WAYLAND_DISPLAY": "w"}, True),
                                              ({"BROWSER": "firefox"}, True)])
def test_no_text_browser_is_started(environ_: dict[str, str], opened: bool,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ_.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("webbrowser.open", lambda url: True)
    assert open_browser("http://127.0.0.1/") is opened


def test_a_browser_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(url: str) -> bool:
        raise OSError

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", fails)
    assert open_browser("http://127.0.0.1/") is False


# Pin


def test_pin(sandbox: Sandbox, clock: Clock, config: Any, sign_in: Login) -> None:
    path = config()
    before = path.read_bytes()
    authorization = sign_in(path, "pin", **everybody(sandbox, clock))
    assert_signed_in(path, before, authorization, sandbox)
    body = sandbox.token_requests[0].body
    assert body is not None and "code_verifier" in body
    assert body["redirect_uri"] == "urn:ietf:wg:oauth:2.0:oob"


@pytest.mark.parametrize("change", [
    pytest.param(lambda address: address, id="the whole address"),
    pytest.param(lambda address: f"  {address}\n", id="with blanks around it"),
    pytest.param(lambda address: address.split("&state")[0], id="without its state"),
    pytest.param(lambda address: parse_qs(urlsplit(address).query)["code"][0], id="the code"),
])
def test_pin_from_a_redirect(change: Callable[[str], str], sandbox: Sandbox, config: Any,
                             sign_in: Login) -> None:
    addresses: list[str] = []
    path = config(redirect_uri="https://example.org/callback")
    sign_in(path, "pin", show_address=addresses.append,
            ask_pin=lambda: change(sandbox.sign_in(addresses[0])))
    assert sandbox.honours_access(values(path)["access_token"])


@pytest.mark.parametrize("typed, reason, words", [
    ("", "pin_refused", "no pin"), ("   ", "pin_refused", "no pin"),
    ("<html>", "pin_refused", "none of"), ("{{ pin }}", "pin_refused", "none of"),
    ("12 34", "pin_refused", "spaces"), ("1234\u200b", "pin_refused", "not ASCII"),
    ("https://example.org/?code=1234&state=other", "pin_refused", "another sign-in"),
    ("https://example.org/?nothing=here", "pin_refused", "no code"),
    ("http://[broken/?code=1234", "pin_refused", "no code"),
    ("https://example.org/?error=access_denied", "denied", "denied"),
    ("87654321", "pin_refused", "refused the code"),
])
def test_pin_that_is_none(typed: str, reason: str, words: str, config: Any,
                          sign_in: Login) -> None:
    path = config()
    with untouched(path), pytest.raises(LoginRequired, match=words) as caught:
        sign_in(path, "pin", ask_pin=lambda: typed)
    assert caught.value.reason == reason
    assert "1234" not in caught.value.message + caught.value.hint.replace(str(path), "")
    assert f"trakt-config login --pin {path}" in caught.value.hint
    assert_clean(path)


def test_pin_whose_outcome_is_unknown_is_sent_once(sandbox: Sandbox, clock: Clock, config: Any,
                                                   sign_in: Login) -> None:
    sandbox.answer(LOST)
    with pytest.raises(TraktUnavailable):
        sign_in(config(), "pin", **everybody(sandbox, clock))
    assert len(sandbox.token_requests) == 1


# The config


@pytest.mark.parametrize("text, words", [
    ("plex: {}\n", "no trakt block"), ("trakt:\n", "no client_id"),
    ("trakt:\n  client_id:\n", "client_id is empty"), ("trakt: [\n", "."), ("- a\n", "."),
])
def test_a_config_that_cannot_be_used(text: str, words: str, tmp_path: Path, sandbox: Sandbox,
                                      sign_in: Login) -> None:
    path = tmp_path / "config.yml"
    path.write_text(text)
    with untouched(path), pytest.raises(ConfigError, match=words) as caught:
        sign_in(path)
    assert caught.value.path == str(path) and sandbox.ledger == []


def test_the_system_fails(config: Any, sign_in: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise OSError(5, "secret words")

    monkeypatch.setattr("trakt_config.storage.Held.recover", fails)
    with pytest.raises(SaveError) as caught:
        sign_in(config())
    assert "secret words" not in str(caught.value)


def test_no_secret_in_what_is_logged_or_raised(sandbox: Sandbox, clock: Clock, config: Any,
                                               sign_in: Login,
                                               caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[DeviceCode] = []
    approve = approving(sandbox, clock)
    sandbox.answer(Answer(503), path=DEVICE_TOKEN)
    authorization = sign_in(config(), show_code=each(shown.append, approve))
    secrets = [authorization.access_token, authorization.refresh_token, sandbox.client_secret,
               shown[0].device_code.reveal()]
    for text in (caplog.text, repr(shown), repr(authorization)):
        assert not [secret for secret in secrets if secret[:12] in text]
