"""Putting the app into a config that is made for it, beside somebody who swaps names."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from trakt_config import storage
from trakt_config.authorization.run import Options
from trakt_config.errors import ClientRejected, ConfigError
from trakt_config.sign_in.registration import NewClient, missing, registered

CLIENT = NewClient("an-id", "a-secret")


def make(config: Path, refused: bool = False) -> None:
    with registered(config, CLIENT, Options(environ={})):
        if refused:
            raise ClientRejected("no")


@pytest.mark.parametrize("before, after", [
    ("trakt:\n  client_id:\n  client_secret:\n",
     "trakt:\n  client_id: an-id\n  client_secret: a-secret\n  pin:\n  force_refresh: false\n"),
    ("trakt:\n  client_id:\n  pin: 1234\n",
     "trakt:\n  client_id: an-id\n  client_secret: a-secret\n  force_refresh: false\n"
     "  pin: 1234\n"),
    ("trakt:\n  client_id: theirs\n  force_refresh: true\n  client_secret:\n  pin:\n",
     "trakt:\n  client_id: theirs\n  force_refresh: true\n  client_secret: a-secret\n  pin:\n"),
    ("a: 1\n",
     "a: 1\n\ntrakt:\n  client_id: an-id\n  client_secret: a-secret\n  authorization:\n"
     "    access_token:\n    token_type:\n    expires_in:\n    refresh_token:\n    scope:\n"
     "    created_at:\n  pin:\n  force_refresh: false\n"),
], ids=["keys", "beside a pin", "nothing but a secret", "the block"])
def test_what_a_sign_in_adds(before: str, after: str, tmp_path: Path) -> None:
    """The client, and what Kometa would rewrite the whole file for; as README and docs say."""
    config = tmp_path / "config.yml"
    config.write_text(before)
    make(config)
    assert config.read_text() == after


def test_a_config_that_is_made_is_gone_where_trakt_refuses_the_app(tmp_path: Path) -> None:
    with pytest.raises(ClientRejected):
        make(tmp_path / "config.yml", refused=True)
    assert os.listdir(tmp_path) == []


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    """In a host, a sign-in may fail again and again."""
    before = sorted(os.listdir("/dev/fd"))
    with pytest.raises(ClientRejected):
        make(tmp_path / "config.yml", refused=True)
    assert sorted(os.listdir("/dev/fd")) == before


def test_a_link_in_the_place_of_a_config_that_was_just_made(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written to, or removed from, where it leads."""
    config, other = tmp_path / "config.yml", tmp_path / "empty"
    other.touch()
    real_create = storage.create

    def create(path: Any) -> os.stat_result:
        made = real_create(path)
        config.unlink()
        config.symlink_to(other)
        return made

    monkeypatch.setattr(storage, "create", create)
    with pytest.raises(ConfigError, match="another file by now"):
        make(config, refused=True)
    assert other.read_bytes() == b"" and sorted(os.listdir(tmp_path)) == ["config.yml", "empty"]


def test_a_file_with_something_in_it_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_bytes(b"x")
    storage.remove_if_empty(str(tmp_path / "config.yml"))
    assert os.listdir(tmp_path) == ["config.yml"]


@pytest.mark.parametrize("text, line, words", [
    ("trakt:\n  clientid: abc\n", 2, "is this key meant"),
    ("trakt:\n  client_id:abc\n  pin:\n", 2, "no space after the colon"),
    ("Trakt:\n  client_id: abc\n", 1, "is this key meant"),
    ("radarr:\n  url: x\n  trakt:\n    client_id: abc\n", 3, "stands within another one"),
    ("a: {trakt: {'client_id': abc}}\n", 1, "stands within another one"),
    ("a: 1\ntrakt:\nclient_id: abc\n", 3, "beside trakt"),
    *((f"trakt:\n  client_id: a\n{lines}", 3, words) for lines, words in (
        ("  client-secret: x\n", "is client_secret meant"),
        ("  client-secret: x\n  client_secret:\n", "is client_secret meant"),
        ("  redirect_url: x\n", "is redirect_uri meant"), ("  Pin: 1\n", "is pin meant"),
        ("  force-refresh: true\n", "is force_refresh meant"),
        ("  authorisation:\n    access_token: x\n", "is authorization meant"),
        ("  authorisation:\n    scope: x\n  authorization:\n    scope:\n",
         "is authorization meant"),
        ("  access_token: x\n", "belongs in trakt.authorization"),
        ("  refreshtoken: x\n", "refresh_token belongs in trakt.authorization"),
        ("authorization:\n  access_token: x\n", "authorization is beside trakt"),
        ("Authorisation:\n  access_token: x\n", "authorization is beside trakt"),
        ("client-secret: x\n", "client_secret is beside trakt"),
        ("refresh_token: x\n", "refresh_token is beside trakt"))),
    *((f"trakt:\n  client_id: a\n  authorization:\n    {key}: x\n", 4, f"is {meant} meant")
      for key, meant in (("accesstoken", "access_token"), ("Token-Type", "token_type"),
                         ("expiresin", "expires_in"), ("refreshtoken", "refresh_token"),
                         ("scopes", "scope"), ("created", "created_at"))),
    ("trakt:\n  client_id: a\n  authorization:\n    client-secret: x\n", 4,
     "client_secret belongs in trakt"),
])
def test_a_key_that_was_meant_is_named_before_anybody_is_asked(
        text: str, line: int, words: str, tmp_path: Path) -> None:
    """A second key, or a second block, would hide the mistake."""
    path = tmp_path / "config.yml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        missing(path)
    assert caught.value.line == line and path.read_text() == text


@pytest.mark.parametrize("lines", [
    "  note: x\n", "  pin: 1\n  Pin: 2\n", "  authorization:\n    note: x\n",
    "  redirect_uri: x\nredirect_uri: y\n", "Trakt:\n  pin: 1\n"])
def test_what_hides_nothing_is_no_obstacle_to_a_sign_in(lines: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text(f"trakt:\n  client_id: a\n{lines}")
    assert missing(path) == ("client_secret",)


def test_a_key_of_others_that_is_called_trakt_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text("libraries:\n  trakt: list\nmal:\n  client_id: a\n")
    assert missing(path) == ("client_id", "client_secret")


def test_a_config_without_a_block_lacks_both(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text("libraries:\n  Movies:\n    trakt: list\n")
    assert missing(path) == ("client_id", "client_secret")
