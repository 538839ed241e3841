"""One config holds the refresh token, others get the access token only."""
from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support.ages import WORTH_REFRESHING, issued
from trakt_config import ConfigError, LockTimeout, LoginRequired, SaveError, document
from trakt_config.authorization import copy
from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.copy import copy_authorization, disarm_twin
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.run import Options, Outcome, Run
from trakt_config.sandbox import Answer, Sandbox

Config = Callable[..., Path]
FIVE = ("access_token", "token_type", "expires_in", "scope", "created_at")
WEEK = 604800


def values(path: Path) -> dict[str, str]:
    parsed = document.parse(path.read_bytes())
    return {key: "" if value.blank else value.text
            for key, value in parsed.authorization.items()}


def interrupt(*arguments: Any, **more: Any) -> None:
    raise KeyboardInterrupt


def assert_is_copy(other: Path, holder: Path) -> None:
    theirs, ours = values(other), values(holder)
    assert {key: theirs[key] for key in FIVE} == {key: ours[key] for key in FIVE}
    assert theirs["refresh_token"] == ""


STYLES = {
    "block": "# c\ntrakt:\n  client_id: {id}\n  authorization:\n    access_token:\n"
             "    refresh_token:\nx: 1\n",
    "no authorization": "trakt:\n  client_id: '{id}'\nx: 1\n",
    "no client_id": "trakt:\n  pin:\nx: 1\n",
    "flow": "x: 1\ntrakt: {{client_id: {id}, authorization: {{}}}}\n",
    "json": '{{"x": [1], "trakt": {{"client_id": "{id}", "authorization": '
            '{{"access_token": null, "refresh_token": ""}}}}}}',
    "crlf": "trakt:\r\n  client_id: {id}\r\n  authorization:\r\n    access_token: old\r\n",
}


@pytest.mark.parametrize("style", STYLES)
def test_a_copy_has_all_but_the_refresh_token(style: str, sandbox: Sandbox, config: Config,
                                              environ: Mapping[str, str], tmp_path: Path) -> None:
    """In any style; a second time it is not written, and no request is sent."""
    holder, other = config(issued(sandbox)), tmp_path / "other.yml"
    other.write_bytes(STYLES[style].format(id=sandbox.client_id).encode())
    assert copy_authorization(holder, other, environ=environ)
    assert_is_copy(other, holder)
    if style == "json":
        assert json.loads(other.read_bytes())["x"] == [1]
    before = other.read_bytes(), other.stat().st_mtime_ns
    assert not copy_authorization(holder, other, environ=environ)
    assert (other.read_bytes(), other.stat().st_mtime_ns) == before
    assert sandbox.ledger == []
    assert sorted(os.listdir(tmp_path)) == ["config.yml", "other.yml"]


@pytest.mark.parametrize("text, words", [
    ("x: 1\n", "no trakt block"),
    ("trakt:\n", "the trakt block is empty"),
    ("trakt:\n  client_id: another\n", "client_id is another app's"),
    ("trakt:\n  authorization:\n    refresh_token: theirs\n", "another one than the holder's"),
    ("trakt:\n  authorization:\n    access_token: <<trakt_access_token>>\n", "elsewhere"),
    ("trakt: {\n", "not valid YAML"),
    ("x: 1\nTrakt:\n  pin:\n", r"other\.yml:2:1: there is no trakt block: is this key meant\?"),
    ("x:\n  trakt:\n    pin:\n", "2:3: there is no trakt block: is this key meant, which stands"),
    ("trakt:\n  Client-ID: another\n", "2:3: trakt has no client_id: is this key meant"),
    ("trakt:\n  pin:\n  authorisation:\n    access_token: a\n",
     r"3:3: .* is authorization meant\?\n.*: what is copied would hide it\."),
    ("trakt:\n  authorization:\n    refresh-token: theirs\n", "3:5: .* is refresh_token meant"),
    ("trakt:\n  pin:\n  access_token: a\n", "3:3: .* access_token belongs in"),
    ("trakt:\n  pin:\nauthorization:\n  access_token: a\n", "3:1: authorization is beside trakt"),
])
def test_what_must_not_become_a_copy(text: str, words: str, sandbox: Sandbox, config: Config,
                                     environ: Mapping[str, str], tmp_path: Path) -> None:
    """The error names the copy, and neither file changes."""
    holder, other = config(issued(sandbox)), tmp_path / "other.yml"
    other.write_text(text)
    before = holder.read_bytes()
    with pytest.raises(ConfigError, match=words) as caught:
        copy_authorization(holder, other, environ=environ)
    assert caught.value.path == str(other)
    assert other.read_text() == text and holder.read_bytes() == before


@pytest.mark.parametrize("key", ["pins", "force-refresh", "redirect_url"])
def test_what_a_copy_does_not_hide_stops_no_job(key: str, sandbox: Sandbox, config: Config,
                                                environ: Mapping[str, str], tmp_path: Path) -> None:
    holder, other = config(issued(sandbox)), tmp_path / "other.yml"
    other.write_text(f"trakt:\n  {key}: x\n")
    assert copy_authorization(holder, other, environ=environ)


@pytest.mark.parametrize("fields", [("access_token", "refresh_token"), ("refresh_token",)])
def test_a_twin_whose_journal_has_an_answer_does_not_lose_it(
        fields: tuple[str, ...], sandbox: Sandbox, config: Config,
        environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, or a refresh token alone: nothing is sent for either file but by a run on it."""
    old = issued(sandbox, 2 * WEEK)
    holder, twin = config(old), config(old, name="twin.yml")
    new = issued(sandbox)
    with Run.on(twin, Options(environ=environ)).hold() as held:
        held.reserve(Intent.of(Run.on(twin, Options()).read()).encode(), 1000)
        held.record(json.dumps({key: new[key] for key in fields}).encode(), time.time())
    options = Options(environ=environ)
    for copying in (disarm_twin, copy.copy_to):
        with pytest.raises(SaveError, match="cut short"):
            copying(twin, holder, options)
    with pytest.raises(SaveError, match="another config"):
        ensure_authorized(holder, options)
    assert sandbox.honours_access(ensure_authorized(twin, options).authorization.access_token)


def test_a_missing_copy_and_a_missing_holder(sandbox: Sandbox, config: Config,
                                             environ: Mapping[str, str], tmp_path: Path) -> None:
    """The error names the one that is missing."""
    there, missing = config(issued(sandbox)), tmp_path / "nope.yml"
    for holder, other in ((there, missing), (missing, there)):
        with pytest.raises(ConfigError, match="does not exist") as caught:
            copy_authorization(holder, other, environ=environ)
        assert caught.value.path == str(missing)
    for paths in ((there, ""), ("", there)):
        with pytest.raises(ConfigError, match="empty path") as caught:
            copy_authorization(*paths, environ=environ)
        assert caught.value.path == ""


def test_a_journal_of_a_newer_version_beside_the_holder(
        sandbox: Sandbox, config: Config, environ: Mapping[str, str], tmp_path: Path) -> None:
    """What it says of the holder's tokens is not known: they are not copied."""
    holder, other = config(issued(sandbox)), tmp_path / "other.yml"
    other.write_text(f"trakt:\n  client_id: {sandbox.client_id}\n")
    before = other.read_bytes()
    journal = holder.parent / f".{holder.name}.trakt-journal"
    journal.write_bytes(b"trakt_config journal 2\n")
    with pytest.raises(SaveError, match="newer version") as caught:
        copy_authorization(holder, other, environ=environ)
    assert caught.value.path == str(holder)
    assert other.read_bytes() == before and journal.read_bytes() == b"trakt_config journal 2\n"


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_the_holder_by_another_name_keeps_its_refresh_token(
        link: Callable[[Path, Path], None], sandbox: Sandbox, config: Config,
        environ: Mapping[str, str], tmp_path: Path) -> None:
    holder, other = config(issued(sandbox)), tmp_path / "other.yml"
    link(holder, other)
    before = holder.read_bytes()
    with pytest.raises(ConfigError, match="holder itself"):
        copy_authorization(holder, other, environ=environ, lock_timeout=timedelta(0))
    with pytest.raises(ConfigError, match="holder itself"):
        disarm_twin(other, holder, Options(environ=environ, lock_timeout=timedelta(0)))
    assert holder.read_bytes() == before


@pytest.mark.parametrize("line, is_same", [
    ("client_id: <<an-id>>", True), ("client_id: <<AN_ID>>", True),
    ("client_id: <<another-id>>", False), ("client_id:", True), ("pin:", True),
    ("client_id: <<nowhere>>", None), ("client_id: ${ID}", None)])
@pytest.mark.parametrize("id_of_holder", ["", "<<an-id>>"])
def test_placeholders_as_client_id(id_of_holder: str, line: str, is_same: bool | None,
                                   sandbox: Sandbox, config: Config, environ: Mapping[str, str],
                                   tmp_path: Path) -> None:
    """In either of the two; nothing else of the copy's block has to be filled in."""
    holder, other = config(issued(sandbox)), tmp_path / "other.yml"
    if id_of_holder:
        holder.write_text(holder.read_text().replace(sandbox.client_id, id_of_holder, 1))
    other.write_text(f"trakt:\n  {line}\n  client_secret: ${{SECRET}}\n"
                     "  redirect_uri: <<nowhere>>\n")
    given = {**environ, "KOMETA_AN_ID": sandbox.client_id, "KOMETA_ANOTHER_ID": "another"}
    if is_same:
        assert copy_authorization(holder, other, environ=given)
        assert_is_copy(other, holder)
        return
    with pytest.raises(ConfigError, match="client_id"):
        copy_authorization(holder, other, environ=given)


def test_a_holder_without_an_access_token(config: Config, environ: Mapping[str, str]) -> None:
    holder, other = config(), config(name="other.yml")
    with pytest.raises(LoginRequired, match="no access token to copy") as caught:
        copy_authorization(holder, other, environ=environ)
    assert caught.value.path == str(holder)


def test_a_twin_becomes_a_copy_before_the_token_is_spent(
        sandbox: Sandbox, config: Config, environ: Mapping[str, str]) -> None:
    """A file that was copied by hand: afterwards its token could not be told from a third one's."""
    stale = issued(sandbox, 2 * WEEK)
    holder, twin = config(stale), config(stale, name="twin.yml")
    options = Options(environ=environ)
    assert disarm_twin(twin, holder, options)
    assert_is_copy(twin, holder)
    assert not disarm_twin(twin, holder, options)
    ensure_authorized(holder, options)
    assert copy.copy_to(twin, holder, options)
    assert_is_copy(twin, holder)
    assert sandbox.honours_refresh(values(holder)["refresh_token"])


def test_a_twin_that_was_busy_is_still_known_after_the_refresh(
        sandbox: Sandbox, config: Config, environ: Mapping[str, str]) -> None:
    """It could not be disarmed before: only this run knows whose token that was."""
    stale = issued(sandbox, 2 * WEEK)
    holder, twin = config(stale), config(stale, name="twin.yml")
    options = Options(environ=environ, lock_timeout=timedelta(0))
    known = copy.own_tokens(holder, options)
    with Run.on(twin, options).hold(), pytest.raises(LockTimeout) as caught:
        disarm_twin(twin, holder, options)
    assert caught.value.path == str(twin)
    ensure_authorized(holder, options)
    with pytest.raises(ConfigError, match="another one than the holder's"):
        copy.copy_to(twin, holder, options)
    assert copy.copy_to(twin, holder, options, known)
    assert_is_copy(twin, holder)


def test_the_advice_for_two_files_with_one_token_leads_out(
        sandbox: Sandbox, config: Config, environ: Mapping[str, str]) -> None:
    """The refusal of the refresh names a way, and what that way refuses at first names the line."""
    due = issued(sandbox, 2 * WEEK)
    holder, twin = config(due), config(due, name="twin.yml")
    options = Options(environ=environ)
    ensure_authorized(holder, options)
    with pytest.raises(LoginRequired) as refused:
        ensure_authorized(twin, options)
    assert "empty its refresh_token, then run: trakt-config authorize HOLDER --copy-to" \
        in refused.value.hint
    with pytest.raises(ConfigError) as caught:
        copy_authorization(holder, twin, environ=environ)
    lines = twin.read_text().splitlines(keepends=True)
    assert f"empty refresh_token in line {caught.value.line}, and copy again" in caught.value.hint
    lines[(caught.value.line or 0) - 1] = "    refresh_token:\n"
    twin.write_text("".join(lines))
    assert copy_authorization(holder, twin, environ=environ)
    assert_is_copy(twin, holder)


def test_twins_that_disarm_each_other_at_once_keep_one_token(
        sandbox: Sandbox, config: Config, environ: Mapping[str, str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    """The second has seen a token in its holder that is gone when it has the locks."""
    fresh = issued(sandbox)
    first, second = config(fresh), config(fresh, name="second.yml")
    options = Options(environ=environ)
    hold_both = vars(copy)["_hold_both"]

    def late(*arguments: Any) -> Any:
        monkeypatch.setattr(copy, "_hold_both", hold_both)
        assert disarm_twin(second, first, options)
        return hold_both(*arguments)

    monkeypatch.setattr(copy, "_hold_both", late)
    with pytest.raises(ConfigError, match="another one than the holder's"):
        disarm_twin(first, second, options)
    assert values(first)["refresh_token"] and not values(second)["refresh_token"]


def test_a_holder_that_has_logged_out_meanwhile_is_not_copied(
        sandbox: Sandbox, config: Config, environ: Mapping[str, str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    holder, other = config(issued(sandbox)), config(issued(sandbox, 86400), name="other.yml")
    other.write_text(other.read_text().replace(values(other)["refresh_token"], ""))
    before, hold_both = other.read_bytes(), vars(copy)["_hold_both"]

    def late(*arguments: Any) -> Any:
        config()
        return hold_both(*arguments)

    monkeypatch.setattr(copy, "_hold_both", late)
    with pytest.raises(LoginRequired) as caught:
        copy_authorization(holder, other, environ=environ)
    assert caught.value.path == str(holder) and other.read_bytes() == before


def test_twins_that_copy_to_each_other_keep_one_token(
        sandbox: Sandbox, config: Config, environ: Mapping[str, str]) -> None:
    """Whoever is first is the holder; the other is told that it is none."""
    fresh = issued(sandbox)
    first, second = config(fresh), config(fresh, name="second.yml")
    assert copy_authorization(first, second, environ=environ)
    with pytest.raises(ConfigError, match="another one than the holder's"):
        copy_authorization(second, first, environ=environ)
    assert values(first)["refresh_token"] and not values(second)["refresh_token"]


def test_a_copy_with_an_unfinished_answer_of_its_own(
        sandbox: Sandbox, config: Config, environ: Mapping[str, str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier run on it had bought is not dropped."""
    holder, other = config(issued(sandbox)), config(name="other.yml")
    pin = config(pin=sandbox.issue_code(), name="other.yml")
    with monkeypatch.context() as patched:
        patched.setattr("trakt_config.authorization.save.save", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ensure_authorized(pin, Options(environ=environ))
    with pytest.raises(SaveError, match="cut short"):
        copy_authorization(holder, other, environ=environ)
    ensure_authorized(other, Options(environ=environ))
    assert values(other)["refresh_token"]


def test_a_doubt_about_a_token_of_its_own_is_kept(
        sandbox: Sandbox, config: Config, environ: Mapping[str, str]) -> None:
    """What is refused as a copy has lost nothing: its next run does not send what may be spent."""
    due = issued(sandbox, WORTH_REFRESHING * WEEK)
    holder, other = config(issued(sandbox)), config(due, name="other.yml")
    options = Options(environ=environ, sleep=lambda seconds: None)
    sandbox.answer(Answer(process=True, cut="close"))
    assert ensure_authorized(other, options).outcome is Outcome.KEPT
    asked = len(sandbox.token_requests)
    with pytest.raises(ConfigError, match="another one than the holder's"):
        copy_authorization(holder, other, environ=environ)
    assert ensure_authorized(other, options).outcome is Outcome.KEPT
    assert len(sandbox.token_requests) == asked
