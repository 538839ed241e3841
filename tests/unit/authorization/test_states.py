"""Every state of a config: what status and --dry-run say of the next run is what that run does."""
from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support.ages import WORTH_REFRESHING
from trakt_config import document, storage
from trakt_config.authorization import authorize, refusal, shared
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.run import Options, Run
from trakt_config.cli import main
from trakt_config.errors import ConfigError
from trakt_config.sandbox import Answer, Sandbox
from trakt_config.storage import places

WEEK = 604800
BEFORE_JULY = 1782864000 - 60
ADVISORY = int(WORTH_REFRESHING * WEEK)
NOWHERE = "  redirect_uri: <<nowhere>>\n"

#: Makes a config in the state; `issue(age)` gives six values that the sandbox honours.
Make = Callable[[Any, Callable[[int], "dict[str, Any]"], Sandbox], Path]


def _without(values: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


def _before_july(config: Any, sandbox: Sandbox) -> Path:
    sandbox.answer(Answer(400, b'{"error": "invalid_grant"}'), path="/oauth/token")
    path: Path = config(sandbox.issue_authorization(created_at=BEFORE_JULY))
    return path


def _journal(path: Path, *, answer: bytes = b"") -> Path:
    """A run that was killed behind the request, or behind its answer."""
    run = Run.on(path, Options())
    intent = Intent.of(run.read())
    with storage.hold(str(path), timeout=1, environ=os.environ, warn=print) as held:
        held.reserve(intent.encode(), 1000)
        held.keep_journal()
        if answer:
            held.record(answer, time.time() - 30)
    return path


def _refused(config: Any, issue: Any, sandbox: Sandbox, age: int, *, pin: str = "") -> Path:
    """Trakt has refused the refresh token, and would do so again."""
    sandbox.answer(Answer(400, b'{"error": "invalid_grant"}'), times=0 if pin else 1)
    path: Path = config(issue(age), pin=pin)
    intent = Intent.of(Run.on(path, Options()).read(), refresh_refused=True)
    with storage.hold(str(path), timeout=1, environ=os.environ, warn=print) as held:
        held.reserve(intent.encode(), 1000)
        held.keep_journal()
    return path


def _refused_and_killed(config: Any, issue: Any, sandbox: Sandbox) -> Path:
    """The run had heard of the refusal, and its journal still says that nothing is known."""
    sandbox.answer(Answer(400, b'{"error": "invalid_grant"}'))
    path: Path = config(issue(2 * WEEK))
    run = Run.on(path, Options())
    refusal.remember(run, run.read(), refresh_token=True)
    return _journal(path)


def _answered(config: Any, issue: Any, age: int) -> Path:
    """The answer has other tokens than the config, which are still in the journal alone."""
    path: Path = config(issue(2 * WEEK))
    return _journal(path, answer=json.dumps(issue(age)).encode())


def _edited_since(config: Any, issue: Any) -> Path:
    path = _answered(config, issue, 0)
    config(issue(0))
    return path


def _newer(config: Any, issue: Any, age: int) -> Path:
    path: Path = config(issue(age))
    (path.parent / f".{path.name}.trakt-journal").write_bytes(b"trakt_config journal 9\nx\n")
    return path


def _foreign(config: Any, issue: Any, age: int) -> Path:
    path: Path = config(issue(age))
    (path.parent / f".{path.name}.trakt-journal").symlink_to("/dev/null")
    return path


def _torn(config: Any, issue: Any) -> Path:
    path: Path = config(issue(0))
    (path.parent / f".{path.name}.trakt-journal").write_bytes(b"trakt_conf")
    return path


def _half_written(config: Any, issue: Any, *, more: str = "", answered: bool = False,
                  age: int = 2 * WEEK) -> Path:
    """Killed in the midst of an overwrite in place: a person would read nonsense."""
    values = issue(0)
    content = config(values, more=more).read_bytes()
    path: Path = config(issue(age), more=more)
    before = path.read_bytes()
    assert len(before) == len(content)
    opened = storage.hold(str(path), timeout=1, environ=os.environ, warn=print)
    with opened as held:
        held.reserve(Intent().encode(), len(content))
        held.keep_journal()
        if answered:
            held.record(json.dumps(values).encode(), time.time() - 30)
        held._journal.record_overwrite(before, content)
    cut = content.index(b"expires_in")
    path.write_bytes(content[:cut] + before[cut:])
    return path


def _pin_and_refresh_token(config: Any, issue: Any, sandbox: Sandbox) -> Path:
    """The pin was spent for an answer that has a refresh token alone."""
    path: Path = config(issue(2 * WEEK), pin=sandbox.issue_code())
    answer = {"refresh_token": issue(0)["refresh_token"]}
    return _journal(path, answer=json.dumps(answer).encode())


def _broken_since(config: Any, issue: Any) -> Path:
    _answered(config, issue, 0)
    return _broken(config, issue)


def _broken_since_another_version(config: Any, issue: Any) -> Path:
    """An answer beside a note that only another version can read."""
    path: Path = config(issue(2 * WEEK))
    with storage.hold(str(path), timeout=1, environ=os.environ, warn=print) as held:
        held.reserve(b'{"of": "another version"}', 1000)
        held.record(json.dumps(issue(0)).encode(), time.time() - 30)
    return _broken(config, issue)


def _broken(config: Any, issue: Any) -> Path:
    path: Path = config(issue(2 * WEEK), more=NOWHERE)
    return path


def _journal_of(kind: Callable[..., Path], config: Any, issue: Any,
                make: Callable[[], Path]) -> Path:
    """A config beside a journal that cannot be used."""
    kind(config, issue, 0)
    return make()


def _without_address(path: Path) -> Path:
    os.environ["TRAKT_CONFIG_OAUTH_URL"] = "nonsense"  # The fixture `command` gives it back.
    return path


def _in_state_directory(path: Path) -> Path:
    place = places.in_state_directory(str(path), os.environ)
    assert place
    return Path(place)


def _moved_away(path: Path, *, near: bytes = b"") -> Path:
    """The journal was left in the state directory, and another one beside the config."""
    place = _in_state_directory(path)
    place.parent.mkdir(parents=True)
    journal = path.parent / f".{path.name}.trakt-journal"
    journal.rename(place)
    journal.write_bytes(near)
    return path


def _moved_away_from_foreign(path: Path) -> Path:
    _moved_away(path)
    journal = path.parent / f".{path.name}.trakt-journal"
    journal.unlink()
    journal.symlink_to("/dev/null")
    return path


def _foreign_elsewhere(path: Path) -> Path:
    place = _in_state_directory(path)
    place.parent.mkdir(parents=True)
    place.symlink_to("/dev/null")
    return path


def _unreadable_half(config: Any, issue: Any) -> Path:
    """Killed in the midst of an overwrite in place, which has left no YAML."""
    values = issue(0)
    content = config(values).read_bytes()
    path: Path = config({**issue(2 * WEEK), "access_token": "old", "refresh_token": '"old"'})
    before = path.read_bytes()
    with storage.hold(str(path), timeout=1, environ=os.environ, warn=print) as held:
        held.reserve(Intent().encode(), len(content))
        held._journal.record_overwrite(before, content)
    tail = content[len(before):]
    path.write_bytes(next(torn for torn in (
        content[:cut] + before[cut:] + tail for cut in range(len(before))) if _is_broken(torn)))
    return path


def _pin_half_cleared(config: Any, issue: Any) -> Path:
    """Killed as a pin that Trakt had refused was cleared in place: the tokens stay."""
    values = issue(0)
    content = config(values).read_bytes()
    path: Path = config(values, pin="DEAD" * 20)
    before = path.read_bytes()
    with storage.hold(str(path), timeout=1, environ=os.environ, warn=print) as held:
        held.reserve(Intent(refresh_unknown=False).encode(), len(before))
        held._journal.record_overwrite(before, content)
    tail = before[len(content):]
    path.write_bytes(next(torn for torn in (
        content[:cut] + before[cut:len(content)] + tail for cut in range(len(content)))
        if _is_broken(torn)))
    return path


def _is_broken(data: bytes) -> bool:
    try:
        document.parse(data)
    except ConfigError:
        return True
    return False


FORCE = "  force_refresh: true\n"

#: state, how to make it, what comes next, and what the next run will do
STATES: Mapping[str, tuple[Make, str | None, str]] = {
    "fresh": (lambda c, i, s: c(i(0)), "nothing", "fresh"),
    "advisory": (lambda c, i, s: c(i(ADVISORY)), "refresh_or_keep", "refreshed"),
    "force_refresh": (lambda c, i, s: c(i(0), more="  force_refresh: true\n"),
                      "refresh_or_keep", "refreshed"),
    "nearly expired": (lambda c, i, s: c(i(WEEK - 60)), "refresh", "refreshed"),
    "expired": (lambda c, i, s: c(i(2 * WEEK)), "refresh", "refreshed"),
    "before July 2026": (lambda c, i, s: _before_july(c, s), None, "LoginRequired"),
    "unknown age": (lambda c, i, s: c(_without(i(0), "created_at")), "refresh", "refreshed"),
    "refresh token only": (lambda c, i, s: c(_without(i(0), "access_token")), "refresh",
                           "refreshed"),
    "no refresh token": (lambda c, i, s: c(_without(i(0), "refresh_token")), "nothing", "fresh"),
    "no refresh token, advisory": (lambda c, i, s: c(_without(i(ADVISORY), "refresh_token")),
                                   "keep", "kept"),
    "no refresh token, nearly expired": (
        lambda c, i, s: c(_without(i(WEEK - 60), "refresh_token")), None, "LoginRequired"),
    "no refresh token, expired": (lambda c, i, s: c(_without(i(2 * WEEK), "refresh_token")), None,
                                  "LoginRequired"),
    "nothing": (lambda c, i, s: c(), None, "LoginRequired"),
    "pin": (lambda c, i, s: c(pin=s.issue_code()), "exchange", "exchanged"),
    "pin beside what is fresh": (lambda c, i, s: c(i(0), pin=s.issue_code()), "exchange",
                                 "exchanged"),
    "pin that is a template": (lambda c, i, s: c(pin="<your pin>"), None, "LoginRequired"),
    "token that is a placeholder": (lambda c, i, s: c({**i(0), "access_token": "<<token>>"}), None,
                                    "ConfigError"),
    "secret that is a placeholder": (
        lambda c, i, s: c(i(0), more="  redirect_uri: <<nowhere>>\n"), None, "ConfigError"),
    "clock": (lambda c, i, s: c(i(-60)), "nothing", "fresh"),
    "clock far off": (lambda c, i, s: c(i(-WEEK)), "refresh", "refreshed"),
    "left-over of nothing": (lambda c, i, s: _torn(c, i), "nothing", "fresh"),
    "doubt, fresh": (lambda c, i, s: _journal(c(i(0))), "nothing", "fresh"),
    "doubt, advisory": (lambda c, i, s: _journal(c(i(ADVISORY))), "keep_in_doubt", "kept"),
    "doubt, expired": (lambda c, i, s: _journal(c(i(2 * WEEK))), "refresh_in_doubt", "refreshed"),
    "refused, fresh": (lambda c, i, s: _refused(c, i, s, 0), "nothing", "fresh"),
    "refused, advisory": (lambda c, i, s: _refused(c, i, s, ADVISORY), "keep_refused", "kept"),
    "refused, expired": (lambda c, i, s: _refused(c, i, s, 2 * WEEK), None, "LoginRequired"),
    "refused, pin": (lambda c, i, s: _refused(c, i, s, 0, pin=s.issue_code()), "exchange",
                     "exchanged"),
    "refused, killed": (lambda c, i, s: _refused_and_killed(c, i, s), None, "LoginRequired"),
    "doubt, pin": (lambda c, i, s: _journal(c(i(2 * WEEK), pin=s.issue_code())), "exchange",
                   "exchanged"),
    "answer": (lambda c, i, s: _answered(c, i, 0), "adopt", "adopted"),
    "answer, long ago": (lambda c, i, s: _answered(c, i, 2 * WEEK), "refresh", "refreshed"),
    "answer, config edited since": (lambda c, i, s: _edited_since(c, i), "nothing", "fresh"),
    "useless answer": (lambda c, i, s: _journal(c(i(2 * WEEK)), answer=b"{}"),
                       "refresh_in_doubt", "refreshed"),
    "answer with a refresh token alone": (
        lambda c, i, s: _journal(c(i(2 * WEEK)), answer=json.dumps(
            {"refresh_token": i(0)["refresh_token"]}).encode()), "refresh", "refreshed"),
    "answer with a refresh token alone, for a config without": (
        lambda c, i, s: _journal(c(_without(i(0), "refresh_token")), answer=json.dumps(
            {"refresh_token": i(0)["refresh_token"]}).encode()), "refresh_or_keep", "refreshed"),
    "half of an overwrite": (lambda c, i, s: _half_written(c, i), "adopt", "adopted"),
    "newer journal, fresh": (lambda c, i, s: _newer(c, i, 0), "nothing", "fresh"),
    "newer journal, advisory": (lambda c, i, s: _newer(c, i, ADVISORY), "keep_unsaved", "kept"),
    "newer journal, expired": (lambda c, i, s: _newer(c, i, 2 * WEEK), None, "SaveError"),
    "foreign journal, fresh": (lambda c, i, s: _foreign(c, i, 0), "keep_unsaved", "kept"),
    "foreign journal, advisory": (lambda c, i, s: _foreign(c, i, ADVISORY), "keep_unsaved",
                                  "kept"),
    "foreign journal, expired": (lambda c, i, s: _foreign(c, i, 2 * WEEK), None, "SaveError"),
    # Two at once.
    "pin, answer with a refresh token alone": (
        lambda c, i, s: _pin_and_refresh_token(c, i, s), "refresh", "refreshed"),
    "pin, doubt, advisory": (lambda c, i, s: _journal(c(i(ADVISORY), pin=s.issue_code())),
                             "exchange", "exchanged"),
    "pin, answer": (lambda c, i, s: _journal(c(i(2 * WEEK), pin=s.issue_code()),
                                             answer=json.dumps(i(0)).encode()),
                    "adopt", "adopted"),
    "pin, before July 2026": (lambda c, i, s: c(
        s.issue_authorization(created_at=BEFORE_JULY), pin=s.issue_code()), "exchange",
        "exchanged"),
    "pin, foreign journal": (lambda c, i, s: _journal_of(
        _foreign, c, i, lambda: c(i(0), pin=s.issue_code())), "keep_unsaved", "kept"),
    "pin, newer journal, expired": (lambda c, i, s: _journal_of(
        _newer, c, i, lambda: c(i(2 * WEEK), pin=s.issue_code())), None, "SaveError"),
    "before July 2026, no refresh token": (lambda c, i, s: c(_without(
        s.issue_authorization(created_at=BEFORE_JULY), "refresh_token")), None, "LoginRequired"),
    "before July 2026, foreign journal": (lambda c, i, s: _journal_of(
        _foreign, c, i, lambda: _before_july(c, s)), None, "SaveError"),
    "force_refresh, no refresh token": (lambda c, i, s: c(_without(i(0), "refresh_token"),
                                                          more=FORCE), "keep", "kept"),
    "force_refresh, doubt": (lambda c, i, s: _journal(c(i(0), more=FORCE)), "keep_in_doubt",
                             "kept"),
    "force_refresh, clock": (lambda c, i, s: c(i(-60), more=FORCE), "refresh_or_keep",
                             "refreshed"),
    "force_refresh, placeholder": (lambda c, i, s: c({**i(0), "access_token": "<<token>>"},
                                                     more=FORCE), None, "ConfigError"),
    "clock far off, no refresh token": (lambda c, i, s: c(_without(i(-WEEK), "refresh_token")),
                                        None, "LoginRequired"),
    "clock, newer journal": (lambda c, i, s: _journal_of(_newer, c, i, lambda: c(i(-60))),
                             "nothing", "fresh"),
    "nothing, newer journal": (lambda c, i, s: _journal_of(_newer, c, i, c), None, "SaveError"),
    "nothing, foreign journal": (lambda c, i, s: _journal_of(_foreign, c, i, c), None,
                                 "LoginRequired"),
    "nothing, answer": (lambda c, i, s: _journal(c(), answer=json.dumps(i(0)).encode()), "adopt",
                        "adopted"),
    "half of an overwrite, placeholder": (
        lambda c, i, s: _half_written(c, i, more=NOWHERE, answered=True), None, "SaveError"),
    "answer, placeholder": (lambda c, i, s: _broken_since(c, i), None, "SaveError"),
    "answer, placeholder, another version": (lambda c, i, s: _broken_since_another_version(c, i),
                                             None, "SaveError"),
    "answer, advisory": (lambda c, i, s: _answered(c, i, ADVISORY), "adopt", "adopted"),
    "answer, placeholder, foreign journal elsewhere": (
        lambda c, i, s: _foreign_elsewhere(_broken_since(c, i)), None, "ConfigError"),
    "half of an overwrite, force_refresh": (
        lambda c, i, s: _half_written(c, i, more=FORCE), "adopt", "adopted"),
    "half of an overwrite, no YAML": (lambda c, i, s: _unreadable_half(c, i), "adopt", "adopted"),
    "pin half cleared, no YAML": (lambda c, i, s: _pin_half_cleared(c, i), "nothing", "fresh"),
    # Journals in both places.
    "two journals, half of an overwrite": (
        lambda c, i, s: _moved_away(_half_written(c, i)), "adopt", "adopted"),
    "two journals, no YAML": (
        lambda c, i, s: _moved_away(_unreadable_half(c, i)), "adopt", "adopted"),
    "two journals, answer": (lambda c, i, s: _moved_away(_answered(c, i, 0), near=b"torn"),
                             "adopt", "adopted"),
    "two journals, answer, placeholder": (
        lambda c, i, s: _moved_away(_broken_since(c, i), near=b"torn"), None, "SaveError"),
    "two journals, half of an overwrite, foreign": (
        lambda c, i, s: _moved_away_from_foreign(_half_written(c, i, age=ADVISORY)), None,
        "SaveError"),
    # Trakt cannot be asked at all.
    "expired, no address": (lambda c, i, s: _without_address(c(i(2 * WEEK))), None, "ConfigError"),
    "pin, no address": (lambda c, i, s: _without_address(c(pin=s.issue_code())), None,
                        "ConfigError"),
    "before July 2026, no address": (lambda c, i, s: _without_address(_before_july(c, s)), None,
                                     "ConfigError"),
    "refused, expired, no address": (
        lambda c, i, s: _without_address(_refused(c, i, s, 2 * WEEK)), None, "ConfigError"),
    "nothing, no address": (lambda c, i, s: _without_address(c()), None, "LoginRequired"),
}


def _everything(folder: Path) -> dict[str, Any]:
    return {path.name: (path.read_bytes(), path.lstat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("name", STATES)
def test_what_is_said_of_the_next_run_is_what_it_does(
        name: str, sandbox: Sandbox, config: Any, command: Any, tmp_path: Path) -> None:
    """Words, JSON and exit status, with and without --online; then the run itself."""
    make, step, outcome = STATES[name]

    def issue(age: int) -> dict[str, Any]:
        return sandbox.issue_authorization(created_at=int(time.time()) - age)

    make(config, issue, sandbox).chmod(0o600)
    before = _everything(tmp_path)
    words, online, dry = command("status"), command("status", "--online"), \
        command("authorize", "--dry-run")
    for options in ([], ["--online"]):
        done = command("status", "--json", *options)
        said = json.loads(done.stdout)
        assert said["next"] == step
        assert said["usable"] is (done.returncode == 0) is (step is not None)
        assert (said["error"] is None) is said["usable"]
        assert all(problem in done.stderr for problem in said["problems"])
    assert words.returncode == online.returncode == dry.returncode == done.returncode
    assert not step or f"next authorize {dry.stdout[12:].splitlines()[0]}" in words.stdout
    if step in ("exchange", "adopt", "refresh", "refresh_or_keep"):  # No person has to do anything.
        assert "sign in, with" not in words.stderr
    assert (_everything(tmp_path), sandbox.token_requests) == (before, [])
    real = json.loads(command("authorize", "--json").stdout)
    assert (real["outcome"] if step else real["error"]["kind"]) == outcome
    if step is None:
        assert said["error"]["kind"] == outcome
        assert said["error"]["reason"] == real["error"]["reason"]
        assert "whether Trakt did it" not in words.stderr  # Nothing is in doubt.
        if "before July" not in name and "refused" not in name:  # Only Trakt's own words say more.
            assert real["error"]["message"] == said["error"]["message"]


DEAD = "0" * 64
LOST = Answer(process=True, cut="close")


@pytest.mark.parametrize("pin", ["", "DEADBEEF"])
@pytest.mark.parametrize("age, refresh_token, first", [
    *((age, token, None) for age in (0, ADVISORY, WEEK - 60, 2 * WEEK)
      for token in ("good", DEAD, "")),
    *((age, "good", LOST) for age in (0, ADVISORY, WEEK - 60, 2 * WEEK))])
def test_what_trakt_has_refused_is_known_until_it_is_replaced(
        age: int, refresh_token: str, first: Answer | None, pin: str, sandbox: Sandbox,
        config: Any, command: Any) -> None:
    """Once a run has heard what Trakt has to say, status agrees with each run that follows: usable,
    exit status, kind and reason. Whatever cannot work is not called usable, and beside the config
    nothing stays of a run that has ended without doubt.
    """
    values = sandbox.issue_authorization(created_at=int(time.time()) - age)
    path = config({**values, **({} if refresh_token == "good" else {
        "refresh_token": refresh_token})}, pin=pin)
    path.chmod(0o600)
    if first:
        config(values).chmod(0o600)  # The pin is typed after the answer was lost.
        sandbox.answer(first, path="/oauth/token")
        heard = json.loads(command("authorize", "--force", "--json").stdout)["error"] or {}
        config(values, pin=pin).chmod(0o600)
    told = json.loads(command("authorize", "--force", "--json").stdout)
    for _ in range(2):
        status = command("status", "--json")
        said = json.loads(status.stdout)
        real = command("authorize", "--json")
        done = json.loads(real.stdout)
        assert said["usable"] is (status.returncode == 0) is (done["outcome"] != "failed")
        assert status.returncode == real.returncode == command("status").returncode
        for fact in ("kind", "reason"):
            assert (said["error"] or {}).get(fact) == (done["error"] or {}).get(fact)
        if done["error"]:  # The reason for the same fact stays the same.
            assert done["error"]["reason"] == told["error"]["reason"]
    if first and heard.get("reason") and not pin:
        assert done["error"]["reason"] == heard["reason"]
    if age > WEEK - 60:
        assert [each.name for each in path.parent.iterdir() if each.is_file()] == [path.name]
    if refresh_token == DEAD and age < ADVISORY:  # It is told by every run, with a time.
        assert done["outcome"] == "fresh"
        (warning,) = done["warnings"]
        assert "was last tried, and the access token ends 20" in warning
        assert f"warning: config.yml: {warning}\n" in real.stderr


@pytest.mark.parametrize("answer, state", [
    (Answer(401), "refused"), (Answer(403), "valid"), (Answer(423), "valid"),
    (Answer(426), "valid")])
def test_what_trakt_says_against_it_counts(answer: Answer, state: str, sandbox: Sandbox,
                                           config: Any, command: Any) -> None:
    """What is refused is not usable, whatever the file says."""
    config(sandbox.issue_authorization()).chmod(0o600)
    sandbox.answer(answer, times=9, path="/users/settings")
    done = command("status", "--online", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["usable"], said["state"]) == (3, False, state)
    assert said["error"] and said["account"] is None


@pytest.mark.parametrize("age, step, outcome", [(0, "nothing", "fresh"),
                                                (ADVISORY, "refresh_or_keep", "kept")])
@pytest.mark.parametrize("answer", [
    Answer(503), Answer(429), Answer(200, b"<html>"), Answer(cut="close"), None],
    ids=["503", "429", "page", "cut", "offline"])
def test_that_trakt_is_not_reached_is_not_held_against_the_file(
        answer: Answer | None, age: int, step: str, outcome: str, sandbox: Sandbox, config: Any,
        command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question is not answered, hence the exit status; the next run does without a person."""
    monkeypatch.setattr("trakt_config.oauth.requester.BACKOFF", (0.0, 0.0))
    monkeypatch.setattr("trakt_config.oauth.answers.PAUSE", 0.0)
    created_at = int(time.time()) - age
    config(sandbox.issue_authorization(created_at=created_at)).chmod(0o600)
    if answer is None:
        sandbox.close()
    else:
        for path in ("/users/settings", "/oauth/token"):
            sandbox.answer(answer, times=9, path=path)
    done = command("status", "--online", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["usable"], said["state"], said["next"]) \
        == (4, True, "valid", step)
    assert said["error"]["kind"] == "TraktUnavailable" and said["account"] is None
    assert said["error"]["outcome_unknown"] is False
    assert "may be spent" not in done.stderr
    assert json.loads(command("authorize", "--json").stdout)["outcome"] == outcome


def test_an_address_that_cannot_be_trakts_is_not_held_against_the_file(
        sandbox: Sandbox, config: Any, command: Any) -> None:
    """As where Trakt is not reached; the setting has to be corrected all the same."""
    _without_address(config(sandbox.issue_authorization())).chmod(0o600)
    done = command("status", "--online", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["usable"], said["state"], said["next"]) \
        == (2, True, "valid", "nothing")
    assert said["error"]["kind"] == "ConfigError" and said["problems"]
    words = command("status", "--online")
    assert (words.returncode, words.stderr) == (2, done.stderr)
    assert "signed in" in words.stdout and "would do nothing" in words.stdout
    assert command("authorize").returncode == 0


def test_a_refused_pin_is_known_though_the_refresh_token_cannot_be_sent(
        sandbox: Sandbox, config: Any, command: Any) -> None:
    """A run on a config of another name has left the new tokens: status says what each run says."""
    values = sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK)
    other = _journal(config(values, name="other.yml"),
                     answer=json.dumps(sandbox.issue_authorization()).encode())
    config(values, pin="DEADBEEF").chmod(0o600)
    assert other.exists() and command("authorize").returncode == 5
    said = json.loads(command("status", "--json").stdout)
    done = json.loads(command("authorize", "--json").stdout)
    assert said["error"] == done["error"] and said["error"]["kind"] == "SaveError"


def test_an_expired_access_token_is_not_held_against_the_refresh_token(
        sandbox: Sandbox, config: Any, command: Any) -> None:
    """The next run refreshes it; Trakt's refusal of the old one would say nothing."""
    config(sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK)).chmod(0o600)
    done = command("status", "--online")
    assert (done.returncode, sandbox.ledger) == (0, [])
    assert "Trakt was not asked whose it is" in done.stderr


@pytest.mark.parametrize("make, refused", [
    (lambda c, i, s: c(i(0), pin=s.issue_code()), False), (STATES["answer"][0], False),
    (STATES["no refresh token"][0], True)])
def test_a_token_that_the_next_run_replaces_is_not_held_against_it(
        make: Make, refused: bool, sandbox: Sandbox, config: Any, command: Any) -> None:
    """Trakt has revoked the access token, but a pin waits, or an answer. Where nothing does, only
    a person can help, and is told so.
    """
    path = make(config, lambda age: sandbox.issue_authorization(
        created_at=int(time.time()) - age), sandbox)
    path.chmod(0o600)
    sandbox.answer(Answer(401), times=9, path="/users/settings")
    done = command("status", "--online")
    assert done.returncode == (3 if refused else 0)
    assert ("Trakt was not asked" in done.stderr) is not refused
    assert "--force" not in done.stderr
    if not refused:
        assert command("authorize").returncode == 0


@pytest.mark.parametrize("make", [STATES["refused, fresh"][0], STATES["no refresh token"][0]])
def test_of_two_refusals_there_is_one_piece_of_advice(make: Make, sandbox: Sandbox, config: Any,
                                                      command: Any) -> None:
    """Neither a date until which nothing works any more, nor a refresh that cannot work."""
    make(config, lambda age: sandbox.issue_authorization(
        created_at=int(time.time()) - age), sandbox).chmod(0o600)
    sandbox.answer(Answer(401), times=9, path="/users/settings")
    done = command("status", "--online")
    assert done.returncode == 3 and done.stderr.lower().count("sign in") == 1
    assert "--force" not in done.stderr and "token ends 20" not in done.stderr


def test_a_copys_logout_may_end_its_holder_as_well(sandbox: Sandbox, config: Any,
                                                   command: Any) -> None:
    """RFC 7009 allows it, and the sandbox does it; what logout and the README say of it holds."""
    values = sandbox.issue_authorization()
    config(values).chmod(0o600)
    config(_without(values, "refresh_token"), name="copy.yml").chmod(0o600)
    assert main.main(["logout", "copy.yml"]) == 0
    done = command("authorize", "--force")
    assert done.returncode == 3 and "Trakt refused the refresh token" in done.stderr
    assert "unless it was revoked: sign in" in command("status").stderr


@pytest.mark.parametrize("make, words", [
    (_foreign, "cannot be used: it is a link or not a regular file"),
    (_newer, "a newer version of trakt_config has left an unfinished journal here")])
def test_a_journal_that_is_not_finished_is_not_said_to_be(
        make: Callable[..., Path], words: str, sandbox: Sandbox, config: Any,
        command: Any) -> None:
    """It is named for what it is, by status and by --dry-run."""
    make(config, lambda age: sandbox.issue_authorization(
        created_at=int(time.time()) - age), ADVISORY).chmod(0o600)
    for said in (command("status").stderr, command("authorize", "--dry-run").stderr):
        assert said.startswith("warning: ") and words in said
        assert "what it left is finished first" not in said


@pytest.mark.parametrize("missing, words", [
    (("pin", "force_refresh"), "add `pin: null` and `force_refresh: false` to trakt"),
    (("force_refresh",), "add `force_refresh: false` to trakt"), ((), "")])
def test_keys_that_kometa_would_add(missing: tuple[str, ...], words: str, sandbox: Sandbox,
                                    config: Any, command: Any) -> None:
    """It dumps the whole file to do so."""
    path = config(sandbox.issue_authorization(), more="  force_refresh: false\n")
    path.chmod(0o600)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines
                            if not line.startswith(tuple(f"  {key}:" for key in missing))))
    said = command("status").stderr
    assert words in said and ("Kometa rewrites" in said) is bool(missing)


def test_files_that_share_a_refresh_token(sandbox: Sandbox, config: Any, command: Any,
                                          tmp_path: Path) -> None:
    """Named with what to do, by the commands that are given both; a link is no second file."""
    values = sandbox.issue_authorization()
    config(values, name="a copy.yml").chmod(0o600)
    config(values).chmod(0o600)
    config(sandbox.issue_authorization(), name="other.yml").chmod(0o600)
    (tmp_path / "broken.yml").write_text("a: [\n")
    (tmp_path / "link.yml").symlink_to("other.yml")
    os.link(tmp_path / "other.yml", tmp_path / "hard.yml")
    files = ["a copy.yml", "other.yml", "link.yml", "hard.yml", "./other.yml", "broken.yml"]
    advice = "trakt-config authorize 'a copy.yml' --copy-to config.yml"
    for options in (["authorize"], ["authorize", "--dry-run"], ["status"]):
        said = command(*options, *files).stderr
        assert said.count("has the same refresh token as") == 1
        assert "config.yml: it has the same refresh token as a copy.yml" in said and advice in said
        assert values["refresh_token"][:12] not in said
        for name in ("link.yml", "hard.yml", "./other.yml"):
            assert f"warning: {name}: it is the same file as other.yml, which is named" in said
    for arguments, key in (("status", "problems"), ("authorize", "warnings")):
        said = [json.loads(line)[key]
                for line in command(arguments, "--json", *files).stdout.splitlines()]
        assert [any(advice in problem for problem in found) for found in said] \
            == [False, False, False, False, False, False, True]


BLOCK = "trakt:\n  authorization:\n    refresh_token:"


@pytest.mark.parametrize("text", [
    "trakt: {{authorization: {{refresh_token: {0}}}}}", BLOCK + " !!str '{0}'\n",
    '{{"trakt": {{"authorization": {{"refresh_token":\n  "{0}"}}}}}}',
    BLOCK + "  # new\n      {0}\n",
    BLOCK + " >-\n      {0}\n    scope: x\n", BLOCK + "\n      {0}\n  client_id: <<nowhere>>\n"])
def test_a_refresh_token_is_shared_in_any_style(text: str, sandbox: Sandbox, config: Any,
                                                tmp_path: Path) -> None:
    values = sandbox.issue_authorization()
    first, second = str(config(values)), str(tmp_path / "other.yml")
    Path(second).write_text(text.format(values["refresh_token"]))
    assert [name for name, _ in shared.shared_tokens([first, second])] == [second]


def test_files_that_share_nothing_are_not_parsed_for_it(
        sandbox: Sandbox, config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand configs in one command."""
    monkeypatch.setattr(shared.document, "parse", lambda data: 1 / 0)
    paths = [str(config(sandbox.issue_authorization(), name=f"{n}.yml")) for n in range(3)]
    copies = [str(config(name=f"copy{n}.yml")) for n in range(2)]
    assert list(shared.shared_tokens([*paths, *copies])) == []


@pytest.mark.parametrize("make, step, outcome", [
    (lambda c, i, s: c(i(0)), "nothing", "fresh"),
    (lambda c, i, s: c(i(ADVISORY)), "keep_unsaved", "kept"),
    (lambda c, i, s: c(i(2 * WEEK)), None, "SaveError"),
    (lambda c, i, s: c(i(0), pin=s.issue_code()), "keep_unsaved", "kept"),
    (lambda c, i, s: c(), None, "LoginRequired"),
    (lambda c, i, s: _refused(c, i, s, 0), "nothing", "fresh"),
    (lambda c, i, s: _refused(c, i, s, ADVISORY), "keep_refused", "kept"),
    (lambda c, i, s: _refused(c, i, s, 2 * WEEK), None, "SaveError"),
    (lambda c, i, s: _newer(c, i, 0), "nothing", "fresh"),
    (lambda c, i, s: _answered(c, i, 0), "adopt", "adopted"),
    (lambda c, i, s: _answered(c, i, 2 * WEEK), None, "SaveError")])
def test_a_disk_without_room(make: Make, step: str | None, outcome: str, sandbox: Sandbox,
                             config: Any, command: Any,
                             monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due cannot be done; what is good is kept, and what was left has its room."""
    def allocate(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    make(config, lambda age: sandbox.issue_authorization(
        created_at=int(time.time()) - age), sandbox).chmod(0o600)
    full = os.statvfs_result((4096, 4096, 1000, 0, 0, 9, 9, 9, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda *_: full)
    monkeypatch.setattr(os, "posix_fallocate", allocate)
    status, dry = command("status", "--json"), command("authorize", "--dry-run")
    said = json.loads(status.stdout)
    assert "there is no room on its disk" in status.stderr
    real = command("authorize", "--json")
    done = json.loads(real.stdout)
    assert status.returncode == dry.returncode == real.returncode
    assert (said["next"], (done["error"] or {}).get("kind", done["outcome"])) == (step, outcome)


@pytest.mark.parametrize("kibibytes, step", [(290, None), (312, None), (320, "refresh")])
def test_how_much_room_there_has_to_be(
        kibibytes: int, step: str | None, sandbox: Sandbox, config: Any, command: Any,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """As much as a run reserves, which takes the longest tokens into account."""
    config(sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK)).chmod(0o600)
    disk = os.statvfs_result((1024, 1024, 1000, kibibytes, kibibytes, 9, 9, 9, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda *_: disk)
    assert json.loads(command("status", "--json").stdout)["next"] == step


def test_the_room_that_a_journal_takes_can_be_used_again(
        sandbox: Sandbox, config: Any, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK))
    _journal(path).chmod(0o600)
    disk = os.statvfs_result((1024, 1024, 1000, 30, 30, 9, 9, 9, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda *_: disk)
    assert json.loads(command("status", "--json").stdout)["next"] == "refresh_in_doubt"


def test_dry_run_takes_no_lock(sandbox: Sandbox, config: Any, environ: Mapping[str, str],
                               command: Any) -> None:
    """It answers while another run holds the config."""
    path = config(sandbox.issue_authorization(created_at=int(time.time()) - 2 * WEEK))
    with storage.hold(str(path), timeout=1, environ=environ, warn=print):
        assert command("authorize", "--dry-run").returncode == 0
        assert command("status").returncode == 0
    assert authorize.ensure_authorized(path, Options(environ=environ)).outcome.value == "refreshed"
