"""A wrong argument is a TypeError or a ValueError at once, with nothing read and nothing sent."""
from __future__ import annotations

import asyncio
import dataclasses
import inspect
import math
import os
import sys
import typing
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest
import requests

import trakt_config
from trakt_config import (
    Authorization,
    ConfigError,
    Dialog,
    authorize,
    copy_authorization,
    login,
)
from trakt_config.cli import output
from trakt_config.sandbox import Answer, Hold, Sandbox
from trakt_config.storage.held import _waiter
from trakt_config.tokens import AUTHORIZATION_KEYS

SPANS = [(600, TypeError), (None, TypeError), ("6h", TypeError),
         (timedelta(seconds=-1), ValueError), (timedelta.min, ValueError)]


@pytest.mark.parametrize("value, kind", SPANS, ids=str)
@pytest.mark.parametrize("function, name", [
    (trakt_config.authorize, "min_validity"), (trakt_config.authorize, "lock_timeout"),
    (trakt_config.TraktAuth, "min_validity"), (trakt_config.TraktAuth, "lock_timeout"),
    (trakt_config.login, "lock_timeout")])
def test_a_span_of_time(function: Callable[..., Any], name: str, value: Any,
                        kind: type[Exception]) -> None:
    with pytest.raises(kind, match=name):
        function("no such file", **{name: value})


def test_a_lock_may_be_waited_for_without_end() -> None:
    """By the longest span that there is; infinity is no timedelta."""
    _waiter(timedelta.max.total_seconds())()
    for function in (trakt_config.authorize, trakt_config.TraktAuth):
        with pytest.raises(TypeError, match="lock_timeout has to be a timedelta, not float"):
            function("no such file", lock_timeout=math.inf)  # type: ignore[arg-type]


def test_what_an_annotation_needs(tmp_path: Path) -> None:
    """mypy reads this test."""
    def why(path: trakt_config.ConfigPath, method: trakt_config.Method) -> trakt_config.Reason:
        with pytest.raises(trakt_config.LoginRequired) as caught:
            trakt_config.login(path, method=method, dialog=Dialog(show_address=str, ask_pin=str))
        return caught.value.reason

    path = tmp_path / "config.yml"
    path.write_text("trakt:\n  client_id: a\n")
    assert why(path, "pin") == "pin_refused"


def _exported() -> list[Callable[..., Any]]:
    """The functions and classes of the public modules, and the methods of the classes."""
    found: list[Callable[..., Any]] = []
    for module in (trakt_config, trakt_config.document, trakt_config.sandbox):
        for value in (getattr(module, name) for name in module.__all__):
            if inspect.isclass(value):
                found += [each for each in vars(value).values() if inspect.isfunction(each)]
            if inspect.isclass(value) or inspect.isfunction(value):
                found.append(value)
    return found


@pytest.mark.skipif(sys.version_info < (3, 10), reason="X | None cannot be evaluated there")
def test_annotations_can_be_evaluated() -> None:
    """By frameworks that call what they are given, without an import of theirs; of the aliases,
    in a module that uses them.
    """
    exported = _exported()
    assert {trakt_config.authorize, trakt_config.TraktAuth.__init__} <= {*exported}
    for each in exported:
        typing.get_type_hints(each)
    hints = typing.get_type_hints(trakt_config.login)
    assert hints["session"] == typing.Optional[requests.Session]


def test_the_types_for_annotations_can_be_evaluated_anywhere() -> None:
    names = {"ConfigPath", "Method", "Reason", "Authorization", "DeviceCode"}

    def theirs() -> None:
        """Of an application."""

    theirs.__annotations__ = {name: f"trakt_config.{name}" for name in names}
    hints = typing.get_type_hints(theirs, {"trakt_config": trakt_config})
    assert hints == {name: getattr(trakt_config, name) for name in names}
    assert typing.get_args(hints["ConfigPath"]) == (str, os.PathLike[str])


@pytest.mark.parametrize("value", [timedelta.max, timedelta(days=3651)], ids=str)
@pytest.mark.parametrize("function", [trakt_config.authorize, trakt_config.TraktAuth])
def test_no_token_is_valid_for_so_long(function: Callable[..., Any], value: timedelta) -> None:
    with pytest.raises(ValueError, match="min_validity"):
        function("no such file", min_validity=value)


@pytest.mark.parametrize("function, name, value", [
    (trakt_config.authorize, "force", "no"), (trakt_config.authorize, "session", "x"),
    (trakt_config.authorize, "session", {}), (trakt_config.TraktAuth, "session", requests),
    (trakt_config.authorize, "clock", 3), (trakt_config.authorize, "environ", "x"),
    (trakt_config.login, "dialog", print),
    (trakt_config.TraktAuth, "environ", 1)])
def test_an_argument_of_another_kind(function: Callable[..., Any], name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{name} has to be"):
        function("no such file", **{name: value})


@pytest.mark.parametrize("function", [
    trakt_config.authorize, trakt_config.login, trakt_config.TraktAuth])
def test_a_session_whose_parentheses_were_forgotten(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="^session has to be a session of requests, not the class "
                                        "Session: call it$"):
        function("no such file", session=requests.Session)


@pytest.mark.parametrize("function, name", [
    (trakt_config.authorize, "clock"), (trakt_config.TraktAuth, "clock"),
    (trakt_config.login, "clock"), (trakt_config.login, "monotonic"),
    (trakt_config.login, "sleep")])
def test_an_async_function_is_refused_at_once(function: Callable[..., Any], name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name} has to be a plain function: nobody awaits an "):
        function("no such file", **{name: asyncio.sleep})


@pytest.mark.parametrize("name, value", [
    ("environ", ["x"]), ("session", "x"), ("clock", 3), ("monotonic", None), ("sleep", 1),
    ("other_account", "yes"), ("lock_timeout", 3)])
def test_an_argument_of_login(name: str, value: Any) -> None:
    given: Any = {"dialog": Dialog(show_code=print), name: value}
    with pytest.raises(TypeError, match=f"{name} has to be"):
        trakt_config.login("no such file", **given)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("path", [b"config.yml", None, 3])
def test_the_paths_of_a_copy_are_text(place: int, path: Any, config: Any) -> None:
    paths: list[Any] = [config(), config(name="other.yml")]
    paths[place] = path
    with pytest.raises(TypeError, match="^the path of a config has to be a str"):
        trakt_config.copy_authorization(*paths)


def _refuse(seconds: float) -> None:
    raise AssertionError(f"nobody is there, and it waits for {seconds} s")


LOGIN_NEEDS: list[tuple[str, Any, str]] = [
    ("device", Dialog(), "show_code"),
    ("device", Dialog(show_address=print), "show_code"),
    ("pin", Dialog(ask_pin=str), "show_address"),
    ("pin", Dialog(show_address=print), "ask_pin"),
    ("browser", Dialog(), "show_address or open_browser"),
]


@pytest.mark.parametrize("method, dialog, missing", LOGIN_NEEDS, ids=str)
def test_a_sign_in_that_nobody_could_take_part_in(
        method: Any, dialog: Any, missing: str, config: Any, environ: Mapping[str, str],
        sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trakt_config.sign_in.browser.can_open", lambda: False)
    path = config()
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"{method}.* needs a dialog with {missing}"):
        trakt_config.login(path, method=method, dialog=dialog, environ=environ, sleep=_refuse)
    assert (sandbox.ledger, path.read_bytes(), os.listdir(path.parent)) == ([], before, [path.name])


def test_another_account_by_device_code() -> None:
    """Trakt can only be told to ask in a sign-in that has an address of its own."""
    with pytest.raises(ValueError, match='other_account is not for method "device"'):
        trakt_config.login("no such file", dialog=Dialog(show_code=print), other_account=True)


async def _nobody_awaits(*_: object) -> None:
    """A callback of a program with an event loop."""


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Dialog)])
@pytest.mark.parametrize("value", ["x", 0, _nobody_awaits], ids=["str", "int", "async"])
def test_a_callback_is_a_function(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{name} has to be a (plain )?function"):
        Dialog(**{name: value})


@pytest.mark.parametrize("method, name", [("device", "show_code"), ("pin", "show_address")])
def test_what_a_callback_returns_is_not_awaited(method: Any, name: str, config: Any,
                                                environ: Mapping[str, str]) -> None:
    """By a lambda around an async function the person is shown nothing: nobody is waited for."""
    callbacks: Any = {"ask_pin": str, name: lambda shown: _nobody_awaits(shown)}
    with pytest.raises(TypeError, match=f"^{name} has to be a plain function: nobody awaits"):
        trakt_config.login(config(), method=method, dialog=Dialog(**callbacks), environ=environ,
                           sleep=_refuse)


@pytest.mark.parametrize("typed", ["1234ABCD", "<pin>"])
def test_after_a_refused_pin_the_advice_is_to_bring_another(typed: str, config: Any,
                                                            environ: Mapping[str, str]) -> None:
    """By the command that asks for one: the other would show a code."""
    path = config()
    dialog = Dialog(show_address=str, ask_pin=lambda: typed)
    with pytest.raises(trakt_config.LoginRequired) as caught:
        trakt_config.login(path, method="pin", dialog=dialog, environ=environ)
    assert caught.value.hint.endswith(f": trakt-config login --pin {path}")


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Dialog)])
def test_only_a_callback_that_may_be_missing_is_none(name: str) -> None:
    given: Any = {name: None}
    if name in ("open_browser", "show_account"):
        assert Dialog(**given) == Dialog()
    else:
        with pytest.raises(TypeError, match=f"^{name} has to be a function, not NoneType"):
            Dialog(**given)


def test_a_pin_is_text(config: Any, environ: Mapping[str, str], sandbox: Sandbox) -> None:
    number: Any = 12345678
    dialog = Dialog(show_address=str, ask_pin=lambda: number)
    with pytest.raises(TypeError, match="ask_pin has to return a str, not int"):
        trakt_config.login(config(), method="pin", dialog=dialog, environ=environ)
    assert not sandbox.token_requests


@pytest.mark.parametrize("value", [None, b"secret-thing", ["secret-thing"], 1.5, True], ids=str)
@pytest.mark.parametrize("key", AUTHORIZATION_KEYS)
def test_a_value_of_an_authorization(key: str, value: Any) -> None:
    values = {**dict.fromkeys(AUTHORIZATION_KEYS, "x"), "expires_in": 1, "created_at": 1}
    with pytest.raises(TypeError, match=f"^{key} has to be of type (int|str), not") as caught:
        Authorization(**{**values, key: value})
    assert "secret-thing" not in str(caught.value)


@pytest.mark.parametrize("value", [-1, -10 ** 30, 10 ** 12, 10 ** 5000], ids=lambda v: f"{v:.0e}"
                         if v < 10 ** 300 else "huge")
@pytest.mark.parametrize("key", ["expires_in", "created_at"])
def test_a_number_of_an_authorization(key: str, value: int) -> None:
    values: Any = {**dict.fromkeys(AUTHORIZATION_KEYS, "x"), "expires_in": 0, "created_at": 0}
    assert Authorization(**values).expires_at.year == 1970
    with pytest.raises(ValueError, match=f"^{key} has to be from 0 to"):
        Authorization(**{**values, key: value})


@pytest.mark.parametrize("name, value", [
    ("lifetime", timedelta(minutes=10)), ("lifetime", "10m"), ("interval", None), ("port", "80"),
    ("host", 1), ("client_id", None), ("client_secret", b""), ("clock", 3),
    ("family_revocation", "no"), ("new_server", None), ("secret_required", 1)], ids=str)
def test_an_argument_of_the_sandbox(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{name} has to be"):
        Sandbox(**{name: value})


@pytest.mark.parametrize("method, given, kind", [
    ("issue_code", {"redirect_uri": None}, TypeError),
    ("issue_code", {"code": 12345678}, TypeError),
    ("issue_code", {"code_challenge": b"x"}, TypeError),
    ("issue_authorization", {"created_at": "now"}, TypeError),
    ("issue_authorization", {"expires_in": timedelta(1)}, TypeError),
    ("issue_authorization", {"redirect_uri": 3}, TypeError),
    ("hold", {"before": "yes"}, TypeError), ("hold", {"path": 3}, TypeError),
    ("hold", {"path": "oauth/token"}, ValueError),
    ("sign_in", {"address": "https://127.0.0.1/"}, ValueError),
    ("sign_in", {"address": "", "allow": "no"}, TypeError),
    ("activate", {"user_code": "X", "allow": None}, TypeError)], ids=str)
@pytest.mark.sampled(1)
def test_an_argument_of_a_method_of_the_sandbox(
        method: str, given: Any, kind: type[Exception], sandbox: Sandbox) -> None:
    with pytest.raises(kind, match="|".join(given)):
        getattr(sandbox, method)(**given)


def test_what_is_done_with_a_token_of_the_sandbox(sandbox: Sandbox) -> None:
    wrong: Any = ["x"]
    for do in (sandbox.activate, sandbox.expire, sandbox.honours_access, sandbox.honours_refresh,
               sandbox.sign_in):
        with pytest.raises(TypeError, match="has to be of type str"):
            do(wrong)
    with pytest.raises(ValueError, match="^this access token was not issued here$"):
        sandbox.expire("never")
    for wrong in ({"port": 70_000}, {"port": -1}, {"lifetime": -1}, {"interval": -1}):
        with pytest.raises(ValueError, match=f"^{[*wrong][0]} (has to be between|is negative)"):
            Sandbox(**wrong)


@pytest.mark.parametrize("environ", [{"HOME": 3}, {"TRAKT_CONFIG_OAUTH_URL": None}, {1: "x"},
                                     {b"HOME": b"x"}], ids=str)
@pytest.mark.parametrize("work", [trakt_config.authorize, trakt_config.TraktAuth])
def test_an_environment_is_text(work: Any, environ: Any) -> None:
    with pytest.raises(TypeError, match="^environ has to be a mapping of str to str$"):
        work("no such file", environ=environ)


@pytest.mark.parametrize("path", ["\ud800", "\udcff.yml", "a\x00b", "a\nb"], ids=ascii)
@pytest.mark.parametrize("work", [trakt_config.authorize, trakt_config.login])
def test_an_odd_path_can_be_shown(work: Any, path: str) -> None:
    given: Any = {"dialog": Dialog(show_code=print)} if work is trakt_config.login else {}
    with pytest.raises(trakt_config.ConfigError) as caught:
        work(path, **given)
    assert str(caught.value).isprintable() or "\n  " in str(caught.value)


@pytest.mark.parametrize("given", [{"message": None}, {"hint": 3}, {"path": Path("c.yml")},
                                   {"path": b"c.yml"},
                                   {"path": 0}], ids=str)
def test_an_error_of_a_host_is_made_of_text(given: Any) -> None:
    """Their tests raise ours."""
    (name,) = given
    with pytest.raises(TypeError, match=f"^{name} has to be a str"):
        trakt_config.LoginRequired(**{"message": "x", **given})


@pytest.mark.parametrize("given", [{"answer": 503}, {"answer": Answer(503), "times": "2"},
                                   {"answer": Answer(503), "path": None}], ids=str)
def test_an_answer_of_the_sandbox(given: Any, sandbox: Sandbox) -> None:
    with pytest.raises(TypeError, match="has to be of type"):
        sandbox.answer(**given)


@pytest.mark.parametrize("given", [{"times": -1}, {"path": "oauth/token"}, {"path": "/x?y"},
                                   {"path": "http://127.0.0.1/oauth/token"}], ids=str)
def test_an_answer_that_nobody_would_get(given: Any, sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="^(times is negative|path has to begin)"):
        sandbox.answer(Answer(503), **given)


@pytest.mark.parametrize("kind, name, value", [
    (kind, name, value) for kind, names, values in (
        (TypeError, "status content_length padding",
         ["429", 4.0, True, b"1", timedelta(1), [1], (), {}]),
        (TypeError, "body", ["x", 1, {}, bytearray(b"x")]),
        (TypeError, "headers", [None, "A: b", [("A", "b")], 1, {"Retry-After": 5}, {1: "x"},
                                {"A": None}, {b"A": b"x"}]),
        (TypeError, "process gzip", [None, 1, "yes"]),
        (TypeError, "wait_before wait_after drip_headers drip_body",
         [None, "1", True, timedelta(seconds=1)]),
        (TypeError, "hold_before hold", [1, "x", Hold]), (TypeError, "cut", [None, True, b""]),
        (ValueError, "status", [-1, 0, 99, 101, 1000]), (ValueError, "cut", ["open", "Close"]),
        (ValueError, "content_length padding", [-1, 10 ** 30]),
        (ValueError, "wait_before wait_after drip_headers drip_body",
         [-0.1, math.nan, math.inf, 10 ** 400]),
        (ValueError, "headers", [{"": "x"}, {"A B": "x"}, {"A:": "x"}, {"A": "x\r\nB: y"},
                                 {"A\n": "x"}, {"A": "\u20ac"}]))
    for name in names.split() for value in values], ids=lambda value: getattr(
        value, "__name__", ascii(value))[:40])
def test_a_wrong_answer_of_the_sandbox(kind: type[Exception], name: str, value: Any) -> None:
    """Where it is made, and not in a thread of the server's, which nobody hears of."""
    with pytest.raises(kind, match=name):
        Answer(**{name: value})


@pytest.mark.parametrize("method", [["device"], None, "Device"], ids=str)
def test_no_method(method: Any) -> None:
    with pytest.raises(ValueError, match="device, browser, pin"):
        trakt_config.login("no such file", method=method, dialog=Dialog(show_code=print))


def test_a_method() -> None:
    with pytest.raises(ValueError, match="device, browser, pin"):
        trakt_config.login("no such file", method="fax")  # type: ignore[arg-type]


def test_no_environment_in_help() -> None:
    import pydoc
    for function in (trakt_config.authorize, trakt_config.login, trakt_config.TraktAuth,
                     trakt_config.Dialog, trakt_config.copy_authorization):
        text = pydoc.plain(pydoc.render_doc(function))
        assert "environ(" not in text and " at 0x" not in text


def test_a_time_zone_that_no_clock_can_show(monkeypatch: pytest.MonkeyPatch,
                                            environ: Mapping[str, str]) -> None:
    """TZ may say a week; then it is UTC."""
    import time
    from datetime import datetime, timezone
    monkeypatch.setenv("TZ", "XXX-167:00")
    time.tzset()
    try:
        moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
        assert output.local_time(moment) == "2026-01-01 00:00 UTC"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("path", [b"config.yml", None, 3, os.fsencode])
@pytest.mark.parametrize("work", [trakt_config.authorize, trakt_config.login,
                                  trakt_config.TraktAuth], ids=lambda work: work.__name__)
def test_a_path_is_text(work: Any, path: Any, tmp_path: Path) -> None:
    existing = tmp_path / "config.yml"
    existing.write_text("trakt:\n  client_id: a\n  authorization:\n    refresh_token: b\n")
    with pytest.raises(TypeError, match="^the path of a config has to be a str"):
        work(path(existing) if callable(path) else path)


@pytest.mark.parametrize("call", [
    authorize, lambda path: login(path, dialog=Dialog(show_code=print)),
    lambda path: copy_authorization(path, path)])
def test_a_path_that_no_file_can_have_is_no_error_of_the_systems(call: Any) -> None:
    """Python 3.9 raises ValueError for it in more places."""
    with pytest.raises(ConfigError, match="not a valid path"):
        call("a\0b")
