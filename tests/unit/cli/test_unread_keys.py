"""Keys with another name or in another place: each command names the line, and how to correct it.
"""
from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from trakt_config.sandbox import Sandbox

APP = "trakt:\n  client_id: {id}\n  client_secret: {secret}\n  pin:\n"


def _values(indentation: int, end: str = "\n") -> str:
    return "".join(f"{' ' * indentation}{key}: {{{key}}}{end}" for key in (
        "access_token", "token_type", "expires_in", "refresh_token", "scope", "created_at"))


class Mistake(NamedTuple):
    """A file, where the mistake in it is, what is advised, and a file in which that is done."""

    name: str
    text: str
    place: str
    hint: str
    corrected: str


GOOD = APP + "  authorization:\n" + _values(4)
MISTAKES = (
    *(Mistake(name, GOOD.replace("authorization", name), "5:3",
              "Write it as `authorization:`.", GOOD)
      for name in ("authorisation", "Authorization", "autorization", "auth", "oauth", "tokens")),
    Mistake("tokens in the place of the block", APP + _values(2), "5:3",
            "Write a line `authorization:` above it, and indent it, and the others like it, deeper "
            "than that.", GOOD),
    Mistake("tokens beside the block", APP + "  authorization:\n" + _values(2), "6:3",
            "Indent it, and the others like it, deeper than `authorization:`.", GOOD),
    Mistake("tokens above the block", APP + _values(2) + "  authorization:\n", "5:3",
            "Move it, and the others like it, below `authorization:`, indented deeper than that.",
            GOOD),
    Mistake("block beside trakt", APP + "authorization:\n" + _values(2), "5:1",
            "Indent it like the keys of trakt, and what is below it as well.", GOOD),
    Mistake("block behind another one",
            APP + "plex:\n  url: x\nauthorization:\n" + _values(2), "7:1",
            "Move it into the trakt block, and what is below it as well, indented like the keys "
            "there.", GOOD),
    Mistake("block before trakt", "authorization:\n" + _values(2) + APP, "1:1",
            "Move it into the trakt block, and what is below it as well, indented like the keys "
            "there.", GOOD),
    Mistake("tokens too deep", APP + "  authorization:\n    tokens:\n" + _values(6), "6:5",
            "Delete its line: what is below it belongs to authorization itself.",
            APP + "  authorization:\n" + _values(6)),
    Mistake("block in the block", APP + "  authorization:\n    authorization:\n" + _values(6),
            "6:5", "Delete its line: what is below it belongs to authorization itself.",
            APP + "  authorization:\n" + _values(6)),
    Mistake("names of tokens", re.sub("_token: {", "-token: {", GOOD), "6:5",
            "Write it as `access_token:`.",
            GOOD.replace("    refresh_token", "    refresh-token")),
    Mistake("flow style", APP[:6] + " {{client_id: {id}, client_secret: {secret}, " + _values(
        0, ", ") + "pin: null}}\n", "1:167",
            "Put it, and the others like it, into braces behind `authorization:`.", GOOD),
)


def _written(text: str, sandbox: Sandbox) -> None:
    values = sandbox.issue_authorization(created_at=int(time.time()))
    path = Path("config.yml")
    path.write_text(text.format(id=sandbox.client_id, secret=sandbox.client_secret, **values))
    path.chmod(0o600)


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.name for mistake in MISTAKES])
def test_the_line_is_named_and_the_advice_works(mistake: Mistake, sandbox: Sandbox,
                                                command: Any) -> None:
    """No sign-in is advised: it would be refused, with the same place and advice."""
    _written(mistake.text, sandbox)
    where = tuple(map(int, mistake.place.split(":")))
    for arguments in (("status", "--json"), ("status", "--json", "--online"),
                      ("authorize", "--json")):
        done = command(*arguments)
        error = json.loads(done.stdout)["error"]
        assert (error["kind"], error["reason"]) == ("LoginRequired", "no_authorization")
        assert (error["line"], error["column"], error["hint"]) == (*where, mistake.hint)
        assert done.returncode == 3 and "trakt-config login" not in done.stderr
        assert f"\nconfig.yml:{mistake.place}: the config has " in f"\n{done.stderr}"
    refused = command("login")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"config.yml:{mistake.place}: ")
    assert mistake.hint in refused.stderr and "delete it" in refused.stderr
    kept = command("logout")
    assert kept.returncode == 2 and kept.stderr.startswith(f"config.yml:{mistake.place}: ")
    assert f"  Nothing was revoked. {mistake.hint}\n" in kept.stderr
    _written(mistake.corrected, sandbox)
    assert command("status").returncode == command("authorize").returncode == 0


@pytest.mark.parametrize("client_id, words", [
    ("", "is authorization meant?"), ("  client_id:\n", "is authorization meant?"),
    ("  # client_id: x\n", "client_id is commented out"),
    ("  client_id: # x\n", "client_id is only a comment")])
def test_no_sign_in_is_advised_for_an_id_where_it_is_refused(client_id: str, words: str,
                                                             command: Any) -> None:
    Path("config.yml").write_text(f"trakt:\n{client_id}  authorisation:\n    scope: x\n")
    done = command("status")
    assert done.returncode == 2 and words in done.stderr
    assert "trakt-config login" not in done.stderr
    assert command("login").returncode == 2


@pytest.mark.parametrize("age, dead", [(0, True), (8 * 86400, True), (0, False)])
def test_what_a_sign_in_would_refuse_is_corrected_first(age: int, dead: bool, sandbox: Sandbox,
                                                        config: Any, command: Any) -> None:
    """Whatever else is wrong: the refresh token, or the access token at Trakt."""
    values = sandbox.issue_authorization(created_at=int(time.time()) - age)
    config({**values, **({"refresh_token": "0" * 64} if dead else {"refresh_token": ""})},
           more="  redirect_url: x\n").chmod(0o600)
    command("authorize", "--force")
    sandbox.revoke_all()
    refused = command("login")
    assert refused.returncode == 2 and "delete" not in refused.stderr
    for arguments in (("status",), ("status", "--online"), ("authorize",),
                      ("authorize", "--force"), ("authorize", "--dry-run")):
        said = command(*arguments).stderr
        before, advised, _ = said.partition("trakt-config login")
        assert not advised or "irst correct config.yml:8:3 (" in before, said
        assert not advised or "Write it as `redirect_uri:`." in before
        assert "CONFIG" not in said
        assert "the access token ends" not in said


@pytest.mark.parametrize("value", ["Bearer {0}", "'********'"])
def test_what_cannot_be_a_token_is_named_by_each_command(value: str, sandbox: Sandbox, config: Any,
                                                         command: Any) -> None:
    """It is replaced where there is a refresh token; nothing prints it or calls it valid."""
    values = sandbox.issue_authorization(created_at=int(time.time()))
    values["access_token"] = value.format(values["access_token"])
    place = "config.yml:11:19: trakt.authorization.access_token does nothing as it is: it "
    for refresh_token in ("", values["refresh_token"]):
        config({**values, "refresh_token": refresh_token}).chmod(0o600)
        is_usable = bool(refresh_token)
        for arguments in (("status",), ("status", "--online"), ("status", "--json"), ("token",)):
            done = command(*arguments)
            assert done.returncode == (0 if is_usable else 3) and place in done.stderr
            if "--json" in arguments:
                assert json.loads(done.stdout)["state"] == (
                    "refresh_token_only" if is_usable else "none")
        assert sandbox.honours_access(done.stdout.strip()) if is_usable else not done.stdout


@pytest.mark.parametrize("pin, column, what", [
    ("[123]", 8, "is a list and not a PIN"), ("{a: b}", 8, "is a mapping and not a PIN"),
    ("!secret pin", 8, "has a tag (!), which another program fills in"),
    ("12 34", 8, "has a space, and so is not a PIN"),
    ("'\"1234\"'", 8, "has a quote, and so is not a PIN"),
    ("'`1234`'", 8, "has a backtick, and so is not a PIN"),
    ("$PIN1", 8, "has the character $, and so is not a PIN"),
    ("<pin 1>", 8, "has the character <, and so is not a PIN"),
    ("Enter PIN here", 8, "is the text of a template and not a PIN"),
    ("xxxxxxxx", 8, "is the text of a template and not a PIN"),
    ("#1234", 3, "is only a comment: what is after # is not read")])
def test_what_is_no_pin_is_called_what_it_is(pin: str, column: int, what: str, config: Any,
                                             command: Any) -> None:
    """With its place, also for programs; never what it says."""
    config(pin=pin).chmod(0o600)
    for arguments in ("status", "--json"), ("authorize", "--json"):
        done = command(*arguments)
        error = json.loads(done.stdout)["error"]
        assert (done.returncode, error["line"], error["column"]) == (3, 8, column)
        assert error["message"] == f"the config has no authorization yet, and trakt.pin {what}"


@pytest.mark.parametrize("text, words", [
    ("trakt:\n  client_id: #abc\n", "2:3: trakt.client_id is only a comment"),
    ("trakt:\n  # client_id: abc\n  pin:\n", "2:3: client_id is commented out"),
    ("x: 1\n#trakt:\n#  client_id: abc\n", "2:1: trakt is commented out"),
    ("trakt:\n  client_id: # mine\n", "")])
def test_a_sign_in_says_what_is_commented_out(text: str, words: str, command: Any,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it asks for what seems to be there."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    Path("config.yml").write_text(text)
    done = command("login")
    assert done.returncode == 2 and Path("config.yml").read_text() == text
    assert ("warning: " in done.stderr) is bool(words)
    assert not words or f"warning: config.yml:{words}" in done.stderr


@pytest.mark.parametrize("text, key", [
    ("services:\n  kometa:\n    image: x\n", "services"),
    ("apiVersion: v1\nkind: Pod\n", "apiVersion"),
    ("libraries:\n  services:\n", ""), ("services: x\ntrakt:\n", "")])
def test_a_sign_in_asks_whether_another_programs_file_is_meant(
        text: str, key: str, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would write the trakt block into a compose file."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    Path("config.yml").write_text(text)
    done = command("login")
    assert done.returncode == 2 and Path("config.yml").read_text() == text
    assert (f"warning: config.yml: it has a key {key}, as another program's file has, and no trakt "
            "block: is this the right file?" in done.stderr) is bool(key)
