"""`logout`: what is revoked at Trakt, what is emptied in the file, and what stays."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support.ages import issued
from trakt_config import storage
from trakt_config.authorization import authorize, save
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.logout import LoggedOut, logout
from trakt_config.authorization.run import Options, Run
from trakt_config.cli import main
from trakt_config.document import parse
from trakt_config.errors import (
    AccountProblem,
    ClientRejected,
    ConfigError,
    LockTimeout,
    LoginRequired,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
)
from trakt_config.sandbox import Answer, Hold, Sandbox
from trakt_config.storage import overwrite
from trakt_config.tokens import AUTHORIZATION_KEYS

ROOT = Path(__file__).parents[3]
WEEK = 604800
REVOKE = "/oauth/revoke"

Logout = Callable[..., LoggedOut]


@pytest.fixture
def out(environ: Mapping[str, str]) -> Logout:
    """Logs out at the sandbox, without waiting between requests."""
    def run(path: Path, *, local: bool = False, **options: Any) -> LoggedOut:
        return logout(path, Options(**{"environ": environ, "sleep": lambda seconds: None,
                                       **options}), local=local)
    return run


def revoked(sandbox: Sandbox) -> list[Any]:
    return [(request.body or {}).get("token") for request in sandbox.ledger
            if request.path == REVOKE]


def assert_clean(path: Path) -> None:
    assert os.listdir(path.parent) == [path.name]


# The file


def test_only_the_six_values_go(sandbox: Sandbox, config: Any, out: Logout) -> None:
    values = issued(sandbox)
    path = config(values, pin="8BADF00D")
    before = path.read_text()
    assert out(path) is LoggedOut.REVOKED
    expected = before
    for value in values.values():
        expected = expected.replace(f": {value}\n", ":\n", 1)
    assert path.read_text() == expected and "pin: 8BADF00D" in expected
    assert revoked(sandbox) == [values["refresh_token"], values["access_token"]]
    assert not sandbox.honours_access(values["access_token"])
    assert not sandbox.honours_refresh(values["refresh_token"])
    assert_clean(path)


@pytest.mark.parametrize("before, after", [
    pytest.param("trakt:\n  client_id: a\n  authorization:\n    access_token: T # c\n"
                 "    scope: 'public'\n    extra: 1\n    refresh_token:\n",
                 "trakt:\n  client_id: a\n  authorization:\n    access_token: # c\n"
                 "    scope:\n    extra: 1\n    refresh_token:\n", id="block style is emptied"),
    pytest.param("trakt: {client_id: a, authorization: {access_token: T, expires_in: 5}}\n",
                 "trakt: {client_id: a, authorization: {access_token: null, expires_in: null}}\n",
                 id="flow style becomes null"),
])
def test_values_are_emptied_in_their_style(tmp_path: Path, out: Logout, before: str,
                                           after: str) -> None:
    path = tmp_path / "config.yml"
    path.write_text(before)
    assert out(path, local=True) is LoggedOut.LOCAL
    assert path.read_text() == after


@pytest.mark.parametrize("values", [{}, {"scope": ""}])
def test_nothing_to_revoke(sandbox: Sandbox, config: Any, out: Logout, values: Any) -> None:
    """No request, no lock, no write."""
    path = config(values)
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert out(path) is LoggedOut.NOTHING
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert sandbox.ledger == []


def test_values_without_tokens_are_emptied_without_a_request(sandbox: Sandbox, config: Any,
                                                             out: Logout) -> None:
    path = config({"scope": "public", "created_at": 1})
    assert out(path) is LoggedOut.EMPTIED
    assert "public" not in path.read_text() and sandbox.ledger == []


@pytest.mark.parametrize("missing", ["access_token", "refresh_token", "created_at"])
def test_each_token_that_is_there_is_revoked(sandbox: Sandbox, config: Any, out: Logout,
                                             missing: str) -> None:
    values = {key: value for key, value in issued(sandbox).items() if key != missing}
    ended = out(config(values))
    assert ended is (LoggedOut.ACCESS_TOKEN_REVOKED if missing == "refresh_token"
                     else LoggedOut.REVOKED)
    assert ("the access token of its holder is the same one" in ended.value) == (
        missing == "refresh_token")
    assert revoked(sandbox) == [values[key] for key in ("refresh_token", "access_token")
                                if key in values]


def test_local_asks_nobody(sandbox: Sandbox, config: Any, out: Logout) -> None:
    path = config(issued(sandbox))
    assert out(path, local=True) is LoggedOut.LOCAL
    assert sandbox.ledger == [] and not parse(path.read_bytes()).authorization["scope"].text
    assert_clean(path)


# Trakt says no, or nothing


@pytest.mark.parametrize("answer, kind, words", [
    (Answer(401, b'{"error": "invalid_client"}'), ClientRejected, "settings/apps/connected"),
    (Answer(400, b'{"error": "invalid_request", "error_description": "client_secret missing"}'),
     ClientRejected, "settings/apps/connected"),
    (Answer(403), ClientRejected, "logout --local"),
    (Answer(423), AccountProblem, "Trakt"),
    (Answer(429), TraktUnavailable, "logout --local"),
    (Answer(503), TraktUnavailable, "Try again later"),
    (Answer(cut="close"), TraktUnavailable, "as it was"),
])
@pytest.mark.parametrize("first", [True, False])
def test_refused_or_out_of_reach(sandbox: Sandbox, config: Any, out: Logout, answer: Answer,
                                 kind: type[TraktConfigError], words: str, first: bool) -> None:
    """The file is as it was, whichever of the two requests it is."""
    path = config(issued(sandbox))
    before = path.read_bytes()
    if not first:
        sandbox.answer(Answer(process=True), path=REVOKE)
    sandbox.answer(answer, times=3, path=REVOKE)
    with pytest.raises(kind) as caught:
        out(path)
    assert words in caught.value.message + caught.value.hint
    assert ("The refresh token is revoked already" in caught.value.hint) is not first
    assert caught.value.path == str(path)
    assert path.read_bytes() == before
    assert_clean(path)


def test_nobody_listens(sandbox: Sandbox, config: Any, out: Logout) -> None:
    path = config(issued(sandbox))
    before = path.read_bytes()
    sandbox.close()
    with pytest.raises(TraktUnavailable):
        out(path)
    assert path.read_bytes() == before


# A left-over journal, and others at work


def killed(path: Path, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ended between Trakt's answer and the file."""
    with monkeypatch.context() as patch:
        patch.setattr(save, "save", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            authorize.ensure_authorized(path, Options(environ=environ))
    assert storage.journal_exists(str(path), environ)


def test_left_over_answer_is_revoked_as_well(sandbox: Sandbox, config: Any, out: Logout,
                                             environ: Mapping[str, str],
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    old = issued(sandbox, 2 * WEEK)
    path = config(old)
    killed(path, environ, monkeypatch)
    assert out(path) is LoggedOut.REVOKED
    assert len(revoked(sandbox)) == 2 and old["refresh_token"] not in revoked(sandbox)
    assert_clean(path)


def in_doubt(path: Path, environ: Mapping[str, str]) -> None:
    """The journal of a run that was killed while its refresh was under way."""
    run = Run.on(path, Options(environ=environ))
    with run.hold() as held:
        held.reserve(Intent.of(run.read()).encode(), 1000)
        journal, content = Path(held.journal_path), Path(held.journal_path).read_bytes()
    journal.write_bytes(content)
    journal.chmod(0o600)


def test_doubt_about_the_refresh_token_survives_a_logout_that_fails(
        sandbox: Sandbox, config: Any, out: Logout, environ: Mapping[str, str]) -> None:
    """Its journal is the only thing that says that the refresh token may be spent."""
    path = config({**issued(sandbox, 2 * WEEK), "refresh_token": "spent"})
    in_doubt(path, environ)
    sandbox.answer(Answer(503), times=3, path=REVOKE)
    with pytest.raises(TraktUnavailable):
        out(path)
    with pytest.raises(LoginRequired) as caught:
        authorize.ensure_authorized(path, Options(environ=environ, sleep=lambda seconds: None))
    assert caught.value.reason == "answer_lost"


def test_doubt_ends_with_the_logout(sandbox: Sandbox, config: Any, out: Logout,
                                    environ: Mapping[str, str]) -> None:
    path = config(issued(sandbox))
    in_doubt(path, environ)
    assert out(path) is LoggedOut.REVOKED
    assert_clean(path)


def test_journal_of_a_newer_version_is_left_alone(sandbox: Sandbox, config: Any,
                                                  out: Logout) -> None:
    path = config(issued(sandbox))
    journal = path.parent / f".{path.name}.trakt-journal"
    journal.write_bytes(b"trakt_config journal 2\n")
    with pytest.raises(SaveError, match="newer version"):
        out(path)
    assert journal.read_bytes() == b"trakt_config journal 2\n" and sandbox.ledger == []


def test_waits_for_another_run(sandbox: Sandbox, config: Any, out: Logout,
                               environ: Mapping[str, str]) -> None:
    path = config(issued(sandbox))
    with storage.hold(str(path), timeout=1, environ=environ, warn=print):
        with pytest.raises(LockTimeout):
            out(path, lock_timeout=timedelta(seconds=0.1))
    assert sandbox.ledger == []


def test_edit_during_the_request_stays(sandbox: Sandbox, config: Any, out: Logout) -> None:
    path = config(issued(sandbox))
    edited = path.read_text().replace("# the big one", "# edited")

    class Editing:
        """A session that edits the file when it sends."""

        def __getattr__(self, name: str) -> Any:
            import requests
            path.write_text(edited)
            return getattr(requests.Session(), name)

    assert out(path, session=Editing()) is LoggedOut.REVOKED
    assert "# edited" in path.read_text() and "access_token:\n" in path.read_text()


def test_tokens_that_came_during_the_request_stay(sandbox: Sandbox, config: Any,
                                                  out: Logout) -> None:
    path = config(issued(sandbox))
    theirs = config(issued(sandbox), name="theirs.yml").read_text()

    class Replacing:
        def __getattr__(self, name: str) -> Any:
            import requests
            if name == "merge_environment_settings":  # Of a session that is about to send.
                path.write_text(theirs)
            return getattr(requests.Session(), name)

    with pytest.raises(SaveError, match="changed meanwhile"):
        out(path, session=Replacing())
    assert path.read_text() == theirs


def test_file_that_is_broken_during_the_request(sandbox: Sandbox, config: Any,
                                                out: Logout) -> None:
    """The tokens are revoked by then; nothing is written over what somebody is editing."""
    path = config(issued(sandbox))

    class Breaking:
        def __getattr__(self, name: str) -> Any:
            import requests
            if name == "merge_environment_settings":  # Of a session that is about to send.
                path.write_text("trakt: [")
            return getattr(requests.Session(), name)

    with pytest.raises(SaveError, match="could not be removed"):
        out(path, session=Breaking())
    assert path.read_text() == "trakt: ["


# Saving


@pytest.mark.parametrize("changes, ends_well", [(3, True), (save.MERGES, False)])
def test_file_that_changes_while_it_is_written(sandbox: Sandbox, config: Any, out: Logout,
                                               monkeypatch: pytest.MonkeyPatch, changes: int,
                                               ends_well: bool) -> None:
    """It is read again, and spliced again, ten times at most."""
    left = [storage.Changed] * changes
    real = storage.Held.replace

    def changing(*arguments: Any) -> None:
        if left:
            raise left.pop()
        real(*arguments)

    monkeypatch.setattr(storage.Held, "replace", changing)
    path = config(issued(sandbox))
    if ends_well:
        assert out(path) is LoggedOut.REVOKED
    else:
        with pytest.raises(SaveError, match="changed all the time"):
            out(path)
    assert_clean(path)


def test_torn_file_is_finished_before_it_is_read(sandbox: Sandbox, config: Any, out: Logout,
                                                 environ: Mapping[str, str]) -> None:
    """A run that was killed while it wrote in place."""
    path = config(issued(sandbox))
    whole = path.read_bytes()
    with Run.on(path, Options(environ=environ)).hold() as held:
        held.reserve(b"{}", len(whole))
        held._journal.append(b"before", b"# old\n" + whole)
        held._journal.append(b"content", whole)
        journal, content = Path(held.journal_path), Path(held.journal_path).read_bytes()
    journal.write_bytes(content)
    path.write_bytes(whole[:40] + (b"# old\n" + whole)[40:])
    assert out(path) is LoggedOut.REVOKED
    assert_clean(path)


def test_no_place_to_save_is_found_before_anything_is_revoked(
        sandbox: Sandbox, config: Any, out: Logout, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise SaveError("no room")

    path = config(issued(sandbox))
    monkeypatch.setattr(storage.Held, "reserve", refuse)
    with pytest.raises(SaveError):
        out(path)
    assert sandbox.ledger == []


def test_overwrite_that_fails_is_finished_by_the_next_run(
        sandbox: Sandbox, config: Any, out: Logout, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place, where the file cannot be replaced: a torn write must not lose the journal."""
    path = config(issued(sandbox), more="  # " + "x" * 64 + "\n")
    os.link(path, path.parent / "link.yml")

    def torn(fd: int, length: int, new: bytes) -> None:
        os.pwrite(fd, new[:len(new) // 2], 0)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(overwrite, "_write_over", torn)
        with pytest.raises(SaveError, match="No space left"):
            out(path)
    assert sorted(os.listdir(path.parent)) == [f".{path.name}.trakt-journal", path.name,
                                               "link.yml"]
    assert out(path) is LoggedOut.NOTHING
    values = parse(path.read_bytes()).authorization
    assert [values[key].text for key in AUTHORIZATION_KEYS] == [""] * 6
    assert sorted(os.listdir(path.parent)) == [path.name, "link.yml"]


@pytest.mark.parametrize("text, words", [
    ("trakt:\n  client_id: a\n  authorization:\n    access_token: <<t>>\n", "placeholder"),
    ("trakt: 1\n", "not a mapping"), ("other: 1\n", "no trakt block")])
def test_unusable_config(sandbox: Sandbox, tmp_path: Path, out: Logout, text: str,
                         words: str) -> None:
    path = tmp_path / "config.yml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        out(path)
    assert "login" not in caught.value.hint
    assert path.read_text() == text and sandbox.ledger == []


# The command


def run(*arguments: str) -> int:
    return main.main(["logout", *arguments])


@pytest.fixture
def here(environ: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TRAKT_CONFIG_OAUTH_URL", "TRAKT_CONFIG_API_URL"):
        monkeypatch.setenv(name, environ[name])


@pytest.mark.parametrize("options, words", [
    ([], "logged out: Trakt has revoked the tokens"), (["--local"], "Trakt was not asked")])
def test_command(sandbox: Sandbox, config: Any, here: None, options: list[str], words: str,
                 capsys: pytest.CaptureFixture[str]) -> None:
    config(issued(sandbox))
    assert run(*options, "config.yml") == 0
    assert capsys.readouterr().out.startswith(f"config.yml: {words}" if not options
                                              else "config.yml: the tokens are gone")
    assert run(*options, "config.yml", "-q") == 0
    assert capsys.readouterr() == ("", "")


def test_command_that_is_refused(sandbox: Sandbox, config: Any, here: None,
                                 capsys: pytest.CaptureFixture[str]) -> None:
    values = issued(sandbox)
    config(values)
    body = b'{"error": "invalid_client", "error_description": "%s"}'
    sandbox.answer(Answer(401, body % values["refresh_token"].encode()), path=REVOKE)
    assert run("config.yml") == 3
    said = capsys.readouterr()
    assert said.out == "" and "did not revoke" in said.err
    assert values["refresh_token"][:12] not in said.err


def interrupted(path: Path, environ: Mapping[str, str], held: Hold,
                number: signal.Signals) -> subprocess.Popen[str]:
    """The command, which was sent that signal while Trakt works, and has said that it waits."""
    child = subprocess.Popen([sys.executable, "-m", "trakt_config", "logout", str(path)],
                             env={**environ, "PYTHONPATH": str(ROOT)}, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    held.wait()
    child.send_signal(number)
    assert child.stderr is not None and "waiting for Trakt" in child.stderr.readline()
    return child


def test_interruption_waits_until_the_file_is_emptied(sandbox: Sandbox, config: Any,
                                                      environ: Mapping[str, str]) -> None:
    """SIGTERM between Trakt's work and ours."""
    path = config(issued(sandbox))
    with sandbox.hold(REVOKE) as held:
        child = interrupted(path, environ, held, signal.SIGTERM)
    child.communicate(timeout=60)
    assert child.returncode == 143
    assert not parse(path.read_bytes()).authorization["access_token"].text
    assert_clean(path)


def test_interruption_while_the_second_token_is_refused(sandbox: Sandbox, config: Any,
                                                        environ: Mapping[str, str]) -> None:
    """Ctrl-C takes the place of the error, which says all the same what is revoked already."""
    path = config(issued(sandbox))
    with sandbox.hold(REVOKE) as held:
        sandbox.answer(Answer(503), times=3, path=REVOKE)
        child = interrupted(path, environ, held, signal.SIGINT)
    said = child.communicate(timeout=60)[1]
    assert child.returncode == 130 and "The refresh token is revoked already" in said
    assert parse(path.read_bytes()).authorization["access_token"].text
    assert_clean(path)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="reserves in another way")
def test_no_room_is_taken_for_an_answer(sandbox: Sandbox, config: Any, out: Logout,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    """Trakt's answer is not kept, so a disk that is nearly full is no reason to stay signed in."""
    path, real, sizes = config(issued(sandbox)), os.posix_fallocate, []

    def allocate(fd: int, start: int, size: int) -> None:
        sizes.append(size)
        real(fd, start, size)

    monkeypatch.setattr(os, "posix_fallocate", allocate)
    assert out(path) is LoggedOut.REVOKED
    assert sizes and max(sizes) < 16 * 1024
