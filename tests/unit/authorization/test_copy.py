"""One config holds the refresh token, others get the access token only."""
from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import pytest

from trakt_config import ConfigError, LoginRequired, SaveError, document
from trakt_config.authorization import copy
from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.copy import copy_authorization, disarm_twin
from trakt_config.authorization.run import Options
from trakt_config.sandbox import Sandbox

Config = Callable[..., Path]
FIVE = ("access_token", "token_type", "expires_in", "scope", "created_at")


def issued(sandbox: Sandbox, age: int = 0) -> dict[str, Any]:
    return sandbox.issue_authorization(created_at=int(time.time()) - age)


def values(path: Path) -> dict[str, str]:
    parsed = document.parse(path.read_bytes())
    return {key: "" if value.blank else value.text
            for key, value in parsed.authorization.items()}


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
    ("trakt:\n", "no trakt block"),
    ("trakt:\n  client_id: another\n", "client_id is another app's"),
    ("trakt:\n  authorization:\n    refresh_token: theirs\n", "signed in by itself"),
    ("trakt:\n  authorization:\n    access_token: <<trakt_access_token>>\n", "elsewhere"),
    ("trakt: {\n", "not valid YAML"),
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


def test_a_missing_copy_and_the_holder_itself(sandbox: Sandbox, config: Config,
                                              environ: Mapping[str, str], tmp_path: Path) -> None:
    holder = config(issued(sandbox))
    with pytest.raises(ConfigError, match="does not exist"):
        copy_authorization(holder, tmp_path / "nope.yml", environ=environ)
    link = tmp_path / "link.yml"
    link.symlink_to(holder)
    with pytest.raises(ConfigError, match="holder itself"):
        copy_authorization(holder, link, environ=environ)


def test_a_holder_without_an_access_token(config: Config, environ: Mapping[str, str]) -> None:
    holder, other = config(), config(name="other.yml")
    with pytest.raises(LoginRequired, match="no access token to copy") as caught:
        copy_authorization(holder, other, environ=environ)
    assert caught.value.path == str(holder)


def test_a_twin_becomes_a_copy_before_the_token_is_spent(
        sandbox: Sandbox, config: Config, environ: Mapping[str, str]) -> None:
    """A file that was copied by hand: afterwards its token could not be told from a third one's."""
    stale = issued(sandbox, 14 * 86400)
    holder, twin = config(stale), config(stale, name="twin.yml")
    options = Options(environ=environ)
    assert disarm_twin(twin, holder, options)
    assert_is_copy(twin, holder)
    assert not disarm_twin(twin, holder, options)
    ensure_authorized(holder, options)
    assert copy.copy_to(twin, holder, options)
    assert_is_copy(twin, holder)
    assert sandbox.honours_refresh(values(holder)["refresh_token"])


def test_twins_that_copy_to_each_other_keep_one_token(
        sandbox: Sandbox, config: Config, environ: Mapping[str, str]) -> None:
    """Whoever is first is the holder; the other is told that it is none."""
    fresh = issued(sandbox)
    first, second = config(fresh), config(fresh, name="second.yml")
    assert copy_authorization(first, second, environ=environ)
    with pytest.raises(ConfigError, match="signed in by itself"):
        copy_authorization(second, first, environ=environ)
    assert values(first)["refresh_token"] and not values(second)["refresh_token"]


def test_a_copy_with_an_unfinished_answer_of_its_own(
        sandbox: Sandbox, config: Config, environ: Mapping[str, str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier run on it had bought is not dropped."""
    holder, other = config(issued(sandbox)), config(name="other.yml")

    def killed(*arguments: Any, **more: Any) -> None:
        raise KeyboardInterrupt
    pin = config(pin=sandbox.issue_code(), name="other.yml")
    with monkeypatch.context() as patched:
        patched.setattr("trakt_config.authorization.save.save", killed)
        with pytest.raises(KeyboardInterrupt):
            ensure_authorized(pin, Options(environ=environ))
    with pytest.raises(SaveError, match="cut short"):
        copy_authorization(holder, other, environ=environ)
    ensure_authorized(other, Options(environ=environ))
    assert values(other)["refresh_token"]
