"""Trakt gives half of what a sign-in or a refresh is for; what came is used."""
from __future__ import annotations

import errno
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import pytest

import trakt_config
from tests.support.clocks import Clock
from trakt_config import storage
from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.run import Options
from trakt_config.sandbox import Answer, Sandbox
from trakt_config.sign_in import Dialog, login
from trakt_config.tokens import AUTHORIZATION_KEYS, Authorization

WEEK = 604800

SignIn = Callable[[Path], Authorization]


@pytest.fixture(params=["device", "login --pin", "pin"])
def sign_in(request: pytest.FixtureRequest, sandbox: Sandbox,
            environ: Mapping[str, str]) -> SignIn:
    """Each way in. What is prepared for /oauth/token is answered where this way asks."""
    def by_login(path: Path) -> Authorization:
        clock = Clock()
        if request.param == "device":
            prepared = sandbox._answers["/oauth/token"].popleft()
            sandbox.answer(prepared, path="/oauth/device/token")
        return login(path, method="device" if request.param == "device" else "pin",
                     dialog=Dialog(show_code=str, show_address=str, ask_pin=lambda: "a-pin"),
                     environ=environ, monotonic=clock, sleep=clock.sleep)

    def by_authorize(path: Path) -> Authorization:
        path.write_text(path.read_text().replace("  pin:", "  pin: a-pin"))
        return ensure_authorized(path, Options(environ=environ)).authorization

    return by_authorize if request.param == "pin" else by_login


def prepare(sandbox: Sandbox, **fields: Any) -> None:
    """Whoever signs in next gets these fields, and nothing else."""
    sandbox.answer(Answer(200, json.dumps(fields).encode()))


def values(path: Path) -> dict[str, str]:
    pairs = (line.strip().partition(": ")
             for line in path.read_text().split("\nmal:")[0].splitlines())
    return {key: value for key, _, value in pairs if key in AUTHORIZATION_KEYS}


def warnings(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records
                     if record.levelno == logging.WARNING)


@pytest.mark.parametrize("refresh_token", [None, "", "caf\u00e9", 17])
def test_an_access_token_alone_is_saved(refresh_token: Any, sign_in: SignIn, sandbox: Sandbox,
                                        config: Any, caplog: pytest.LogCaptureFixture) -> None:
    """With a warning that says until when it will do."""
    path = config()
    new = sandbox.issue_authorization()
    prepare(sandbox, **{**new, "refresh_token": refresh_token})
    authorization = sign_in(path)
    assert authorization.access_token == new["access_token"] == values(path)["access_token"]
    assert authorization.refresh_token == ""
    assert values(path)["refresh_token"] in ("", '""')
    ends = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(new["created_at"] + new["expires_in"]))
    assert ends in warnings(caplog) and "trakt-config login" in warnings(caplog)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_old_refresh_token_stays_with_it(sign_in: SignIn, sandbox: Sandbox,
                                             config: Any) -> None:
    """Trakt still honours it, and nothing better came (RFC 6749, section 6)."""
    old = sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK)
    path = config(old)
    new = sandbox.issue_authorization()
    prepare(sandbox, **{**new, "refresh_token": None})
    assert sign_in(path).refresh_token == old["refresh_token"]
    assert values(path)["access_token"] == new["access_token"]
    assert values(path)["refresh_token"] == old["refresh_token"]


@pytest.mark.sampled(5)
@pytest.mark.parametrize("access_token", [None, "", "caf\u00e9", 17])
@pytest.mark.parametrize("signed_in", [False, True], ids=["first", "again"])
def test_a_refresh_token_alone_is_saved_and_redeemed(
        signed_in: bool, access_token: Any, sign_in: SignIn, sandbox: Sandbox,
        config: Any) -> None:
    path = config(sandbox.issue_authorization() if signed_in else None)
    new = sandbox.issue_authorization()
    prepare(sandbox, refresh_token=new["refresh_token"], access_token=access_token)
    authorization = sign_in(path)
    asked = sandbox.token_requests[-1].body
    assert isinstance(asked, dict) and asked["refresh_token"] == new["refresh_token"]
    assert values(path) == authorization.values()
    assert sandbox.honours_refresh(authorization.refresh_token)
    assert sandbox.honours_access(authorization.access_token)
    assert "  pin:\n" in path.read_text()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_refresh_token_alone_outlives_a_trakt_that_fails(sign_in: SignIn, sandbox: Sandbox,
                                                           config: Any, environ: Mapping[str, str],
                                                           ) -> None:
    """It is in the config by then, and the next run redeems it."""
    path = config()
    new = sandbox.issue_authorization()
    prepare(sandbox, refresh_token=new["refresh_token"])
    sandbox.answer(Answer(423), times=1)
    with pytest.raises(trakt_config.TraktConfigError):
        sign_in(path)
    sandbox._answers.clear()
    assert values(path)["refresh_token"] == new["refresh_token"]
    authorization = trakt_config.authorize(path, environ=environ)
    assert sandbox.honours_access(authorization.access_token)


@pytest.mark.parametrize("refresh_token, warned", [(None, False), ("", True), ("caf\u00e9", True)])
def test_a_refresh_that_gives_no_usable_refresh_token(
        refresh_token: Any, warned: bool, sandbox: Sandbox, config: Any,
        environ: Mapping[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """The access token is saved; a missing one means that the old one works on."""
    old = sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK)
    path = config(old)
    prepare(sandbox, **{**sandbox.issue_authorization(), "refresh_token": refresh_token})
    authorization = trakt_config.authorize(path, environ=environ)
    assert values(path) == authorization.values()
    assert authorization.refresh_token == old["refresh_token"]
    assert ("a person has to sign in" in warnings(caplog)) is warned


def test_a_refresh_token_alone_that_the_journal_does_not_take_is_in_the_config(
        sandbox: Sandbox, config: Any, environ: Mapping[str, str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh gave it, and the disk fails at the journal: the next run redeems it."""
    path = config(sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK))
    new = sandbox.issue_authorization()
    prepare(sandbox, refresh_token=new["refresh_token"])

    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(storage.Held, "record", fail)
        with pytest.raises(trakt_config.TraktUnavailable):
            trakt_config.authorize(path, environ=environ)
    assert values(path)["refresh_token"] == new["refresh_token"]
    authorization = trakt_config.authorize(path, environ=environ)
    assert sandbox.honours_access(authorization.access_token)
    assert len(sandbox.token_requests) == 2
