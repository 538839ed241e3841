"""The policy, row by row: requests by the sandbox's ledger, the file's bytes, the outcome."""
from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest

import trakt_config
from tests.support.ages import WORTH_REFRESHING, issued
from trakt_config import (
    AccountProblem,
    ClientRejected,
    ConfigError,
    LoginRequired,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
    document,
    storage,
)
from trakt_config.authorization import authorize
from trakt_config.authorization.run import Options
from trakt_config.sandbox import Answer, Sandbox
from trakt_config.storage import journal, overwrite
from trakt_config.tokens import AUTHORIZATION_KEYS

WEEK = 604800
FRESH, ADVISORY, ALMOST, EXPIRED = 0, int(WORTH_REFRESHING * WEEK), WEEK - 3600, WEEK + 3600
LONG = timedelta(hours=6)

INVALID_GRANT = Answer(400, b'{"error": "invalid_grant", "error_description": "nope"}')
INVALID_CLIENT = Answer(401, b'{"error": "invalid_client", "error_description": "nope"}')
FAILING = Answer(503, b"<html>down</html>")
LOST = Answer(process=True, cut="close")


@dataclass
class Run:
    """What a run did."""

    outcome: str
    error: TraktConfigError | None
    requests: int
    before: bytes
    after: bytes
    same_mtime: bool
    warnings: list[str]
    config: Path

    @property
    def values(self) -> dict[str, str]:
        found = document.parse(self.after).authorization
        return {key: found[key].text for key in AUTHORIZATION_KEYS}

    @property
    def pin(self) -> str:
        trakt = document.parse(self.after).trakt
        assert trakt is not None
        return trakt["pin"].text

    @property
    def unchanged(self) -> bool:
        return self.before == self.after and self.same_mtime


Runner = Callable[..., Run]


@pytest.fixture
def run(sandbox: Sandbox, environ: Mapping[str, str], caplog: pytest.LogCaptureFixture) -> Runner:
    """Runs the policy on a config and looks at everything that it did."""
    def runner(config: Path, **options: Any) -> Run:
        before, mtime = config.read_bytes(), config.stat().st_mtime_ns
        asked = len(sandbox.token_requests)
        caplog.clear()
        caplog.set_level(logging.WARNING, "trakt_config")
        error, outcome = None, "failed"
        try:
            result = authorize.ensure_authorized(config, Options(
                **{"environ": environ, "sleep": lambda seconds: None, **options}))
            outcome = result.outcome.value
            assert_is_in(config, result.authorization)
        except TraktConfigError as raised:
            error = raised
            assert error.path == str(config)
        return Run(outcome, error, len(sandbox.token_requests) - asked, before,
                   config.read_bytes(), config.stat().st_mtime_ns == mtime,
                   [record.getMessage() for record in caplog.records], config)
    return runner


def assert_is_in(config: Path, authorization: trakt_config.Authorization) -> None:
    """Exit 0 only when usable tokens are in the file that the user named."""
    found = document.parse(config.read_bytes()).authorization
    assert {key: found[key].text for key in AUTHORIZATION_KEYS} == authorization.values()


def assert_clean(config: Path) -> None:
    assert os.listdir(config.parent) == [config.name]


def assert_new_pair(done: Run, sandbox: Sandbox) -> None:
    """The six values, and nothing else, are new, and the sandbox honours them."""
    assert sandbox.honours_access(done.values["access_token"])
    assert sandbox.honours_refresh(done.values["refresh_token"])
    old, new = done.before.splitlines(), done.after.splitlines()
    assert len(old) == len(new)
    changed = [line.split(b":")[0].strip().decode() for line, other in zip(old, new)
               if line != other]
    assert set(changed) <= {*AUTHORIZATION_KEYS, "pin"}
    assert_clean(done.config)


# Fresh


def test_fresh_does_nothing(sandbox: Sandbox, config: Any, run: Runner) -> None:
    done = run(config(issued(sandbox, FRESH)))
    assert (done.outcome, done.requests, done.unchanged, done.warnings) == ("fresh", 0, True, [])
    assert_clean(done.config)


def test_fresh_opens_nothing_for_writing(sandbox: Sandbox, config: Any, run: Runner,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(issued(sandbox, FRESH))
    opened = []
    real_open = os.open

    def spy(name: Any, flags: int, *rest: Any, **more: Any) -> int:
        opened.append(flags)
        return real_open(name, flags, *rest, **more)

    monkeypatch.setattr(os, "open", spy)
    assert run(path).outcome == "fresh"
    assert opened and not any(flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT) for flags in opened)


# Refresh


@pytest.mark.parametrize("age", [ADVISORY, EXPIRED], ids=["advisory", "mandatory"])
def test_refreshed(age: int, sandbox: Sandbox, config: Any, run: Runner) -> None:
    done = run(config(issued(sandbox, age)))
    assert (done.outcome, done.requests, done.warnings) == ("refreshed", 1, [])
    assert_new_pair(done, sandbox)


@pytest.mark.parametrize("options, more", [({"force": True}, ""), ({}, "  force_refresh: True\n")],
                         ids=["--force", "force_refresh"])
def test_refreshed_although_fresh(options: Any, more: str, sandbox: Sandbox, config: Any,
                                  run: Runner) -> None:
    done = run(config(issued(sandbox, FRESH), more=more), **options)
    assert (done.outcome, done.requests) == ("refreshed", 1)
    assert_new_pair(done, sandbox)


def test_age_unknown_is_refreshed(sandbox: Sandbox, config: Any, run: Runner) -> None:
    done = run(config({**issued(sandbox, FRESH), "created_at": ""}))
    assert (done.outcome, done.requests) == ("refreshed", 1)


def test_only_a_refresh_token_is_refreshed(sandbox: Sandbox, config: Any, run: Runner) -> None:
    done = run(config({"refresh_token": issued(sandbox, FRESH)["refresh_token"]}))
    assert (done.outcome, done.requests) == ("refreshed", 1)
    assert_new_pair(done, sandbox)


def test_an_answer_without_refresh_token_keeps_the_old_one(sandbox: Sandbox, config: Any,
                                                           run: Runner) -> None:
    old = issued(sandbox, EXPIRED)
    sandbox.answer(Answer(200, b'{"access_token": "new", "expires_in": 604800}'))
    done = run(config(old))
    assert done.outcome == "refreshed"
    assert done.values["refresh_token"] == old["refresh_token"]
    assert abs(int(done.values["created_at"]) - time.time()) < 60


def test_a_lifetime_shorter_than_asked_is_accepted_with_a_warning(config: Any, run: Runner,
                                                                  sandbox: Sandbox) -> None:
    done = run(config(issued(sandbox, ALMOST)), min_validity=timedelta(days=8))
    assert (done.outcome, done.requests, len(done.warnings)) == ("refreshed", 1, 1)
    assert ("valid for 7.0 days, less than the 8.0 days that were asked for: every run"
            in done.warnings[0])


def test_a_lifetime_that_is_just_as_long_is_too_short(config: Any, run: Runner,
                                                      sandbox: Sandbox) -> None:
    done = run(config(issued(sandbox, ALMOST)), min_validity=timedelta(weeks=1))
    assert ("valid for 7.0 days, no longer than the 7.0 days that were asked for: every run"
            in done.warnings[0])


def test_a_clock_behind_is_warned_of_once(sandbox: Sandbox, config: Any, run: Runner) -> None:
    done = run(config(issued(sandbox, -WEEK // 4)))
    assert (done.outcome, done.requests, len(done.warnings)) == ("fresh", 0, 1)
    assert "clock" in done.warnings[0]


def test_issued_far_in_the_future_is_refreshed(sandbox: Sandbox, config: Any,
                                               run: Runner) -> None:
    assert run(config(issued(sandbox, -WEEK))).outcome == "refreshed"


# Advisory: what cannot be had is kept

#: After these, Trakt may have spent the refresh token.
UNKNOWN = (FAILING, LOST, Answer(200, b"<html>"))


@pytest.mark.parametrize("answer, requests", [
    (FAILING, 1), (INVALID_GRANT, 1), (INVALID_CLIENT, 1), (LOST, 1),
    (Answer(423, headers={"X-Account-Locked": "true"}), 1), (Answer(426), 1), (Answer(403), 1),
    (Answer(200, b"<html>"), 1), (Answer(429, headers={"Retry-After": "3600"}), 1),
], ids=["failing", "invalid_grant", "invalid_client", "lost", "locked", "vip", "forbidden",
        "html", "429"])
def test_advisory_is_kept(answer: Answer, requests: int, sandbox: Sandbox, config: Any,
                          run: Runner) -> None:
    sandbox.answer(answer, times=5)
    done = run(config(issued(sandbox, ADVISORY)))
    assert (done.outcome, done.requests, done.unchanged) == ("kept", requests, True)
    assert len(done.warnings) == 1 and "still valid, so it is kept" in done.warnings[0]
    if answer in (*UNKNOWN, INVALID_GRANT):  # It would be refused once more.
        sandbox.answer(Answer(process=True), times=5)
        assert (run(done.config).outcome, run(done.config).requests) == ("kept", 0)
    else:
        assert_clean(done.config)


def test_advisory_unreachable_is_kept(sandbox: Sandbox, config: Any, run: Runner) -> None:
    path = config(issued(sandbox, ADVISORY))
    sandbox.close()
    done = run(path)
    assert (done.outcome, done.requests, done.unchanged) == ("kept", 0, True)


def test_advisory_while_another_run_holds_the_lock_is_kept(config: Any, run: Runner,
                                                           sandbox: Sandbox) -> None:
    path = config(issued(sandbox, ADVISORY))
    with storage.hold(str(path), timeout=0, environ={}, warn=print):
        done = run(path, lock_timeout=timedelta(0))
    assert (done.outcome, done.requests, done.unchanged) == ("kept", 0, True)


def test_mandatory_while_another_run_holds_the_lock_fails(config: Any, run: Runner,
                                                          sandbox: Sandbox) -> None:
    path = config(issued(sandbox, EXPIRED))
    with storage.hold(str(path), timeout=0, environ={}, warn=print):
        done = run(path, lock_timeout=timedelta(0))
    assert (type(done.error), done.requests) == (trakt_config.LockTimeout, 0)


def test_advisory_without_a_place_to_save_is_kept(config: Any, run: Runner, sandbox: Sandbox,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(issued(sandbox, ADVISORY))
    refuse_writing(monkeypatch, path)
    done = run(path)
    assert (done.outcome, done.requests, done.unchanged) == ("kept", 0, True)


# Mandatory


@pytest.mark.parametrize("age, answer, kind, requests", [
    (ALMOST, FAILING, TraktUnavailable, 1),
    (ALMOST, LOST, TraktUnavailable, 1),
    (EXPIRED, FAILING, TraktUnavailable, 2),
    (EXPIRED, LOST, LoginRequired, 2),
    (EXPIRED, INVALID_GRANT, LoginRequired, 1),
    (EXPIRED, INVALID_CLIENT, ClientRejected, 1),
    (EXPIRED, Answer(403), ClientRejected, 1),
    (EXPIRED, Answer(426), ClientRejected, 1),
    (EXPIRED, Answer(423, headers={"X-Account-Locked": "true"}), AccountProblem, 1),
    (EXPIRED, Answer(410), AccountProblem, 1),
    (EXPIRED, Answer(429, headers={"Retry-After": "3600"}), TraktUnavailable, 1),
    (EXPIRED, Answer(200, b"{}"), TraktUnavailable, 2),
], ids=["valid-failing", "valid-lost", "failing", "lost", "invalid_grant", "invalid_client",
        "forbidden", "vip", "locked", "deactivated", "429", "nonsense"])
def test_mandatory_fails(age: int, answer: Answer, kind: type, requests: int, sandbox: Sandbox,
                         config: Any, run: Runner) -> None:
    sandbox.answer(answer, times=1 if answer is LOST else 5)
    done = run(config(issued(sandbox, age)), min_validity=LONG)
    assert (type(done.error), done.requests, done.unchanged) == (kind, requests, True)
    if age == EXPIRED:
        assert_clean(done.config)
    else:  # It may be spent, which only matters as long as there is a good access token.
        assert run(done.config).requests == 0


def test_a_failure_that_passes_is_got_over(sandbox: Sandbox, config: Any, run: Runner) -> None:
    sandbox.answer(FAILING)
    done = run(config(issued(sandbox, EXPIRED)))
    assert (done.outcome, done.requests) == ("refreshed", 2)
    assert_new_pair(done, sandbox)


def test_mandatory_unreachable_fails(sandbox: Sandbox, config: Any, run: Runner) -> None:
    path = config(issued(sandbox, EXPIRED))
    sandbox.close()
    done = run(path)
    assert (type(done.error), done.requests, done.unchanged) == (TraktUnavailable, 0, True)


def test_mandatory_without_a_place_to_save_sends_nothing(config: Any, run: Runner,
                                                         sandbox: Sandbox,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(issued(sandbox, EXPIRED))
    refuse_writing(monkeypatch, path)
    done = run(path)
    assert (type(done.error), done.requests, done.unchanged) == (SaveError, 0, True)


def test_no_tokens_and_no_pin_needs_a_login(config: Any, run: Runner) -> None:
    done = run(config())
    assert isinstance(done.error, LoginRequired) and done.error.reason == "no_authorization"
    assert "trakt-config login" in str(done.error)
    assert (done.requests, done.unchanged) == (0, True)
    assert_clean(done.config)


@pytest.mark.parametrize("created_at, words", [
    (1780000000, "before Trakt's move of July 2026"),
    (1790000000, "used by another copy of this file, or replaced in an answer that was lost"),
], ids=["from before July 2026", "later"])
def test_a_refused_refresh_token_says_why(created_at: int, words: str, sandbox: Sandbox,
                                          config: Any, run: Runner) -> None:
    sandbox.answer(INVALID_GRANT)
    done = run(config(sandbox.issue_authorization(created_at=created_at)))
    assert isinstance(done.error, LoginRequired)
    assert done.error.reason == "refresh_token_refused" and words in str(done.error)


def test_what_trakt_says_of_a_refused_refresh_token_is_told(
        sandbox: Sandbox, config: Any, run: Runner) -> None:
    """"session not found" is what it says of a token from before its move, whatever its date."""
    authorization = issued(sandbox, EXPIRED)
    done = run(config({**authorization, "refresh_token": "n0t-kn0wn"}))
    assert isinstance(done.error, LoginRequired) and done.error.detail == "before_migration"
    assert '"session not found"' in str(done.error)
    assert "before Trakt's move of July 2026, or it is mistyped" in str(done.error)


def test_a_lost_answer_is_called_by_its_name(sandbox: Sandbox, config: Any, run: Runner) -> None:
    sandbox.answer(LOST)
    done = run(config(issued(sandbox, EXPIRED)))
    assert isinstance(done.error, LoginRequired) and done.error.reason == "answer_lost"


# The pin


def test_a_pin_is_exchanged_even_when_the_old_authorization_is_fresh(
        sandbox: Sandbox, config: Any, run: Runner) -> None:
    done = run(config(issued(sandbox, FRESH), pin=sandbox.issue_code()))
    assert (done.outcome, done.requests, done.pin) == ("exchanged", 1, "")
    assert_new_pair(done, sandbox)


def test_a_pin_fills_an_empty_block(sandbox: Sandbox, config: Any, run: Runner) -> None:
    done = run(config(pin=sandbox.issue_code()))
    assert (done.outcome, done.requests, done.pin) == ("exchanged", 1, "")
    assert_new_pair(done, sandbox)


def test_a_whole_address_is_taken_for_its_code(sandbox: Sandbox, config: Any,
                                               run: Runner) -> None:
    uri = "https://utilities.kometa.wiki/trakt-oauth/callback"
    code = sandbox.issue_code(uri)
    done = run(config(pin=f"{uri}?code={code}&state=1", redirect_uri=uri))
    assert (done.outcome, done.pin) == ("exchanged", "")


def test_a_refused_pin_is_cleared_while_the_old_authorization_is_fresh(
        sandbox: Sandbox, config: Any, run: Runner) -> None:
    done = run(config(issued(sandbox, FRESH), pin="DEADBEEF"))
    assert (done.outcome, done.requests, done.pin) == ("fresh", 1, "")
    assert len(done.warnings) == 1
    assert_new_pair(done, sandbox)


@pytest.mark.parametrize("age", [ADVISORY, EXPIRED])
def test_a_refused_pin_gives_way_to_a_refresh(age: int, sandbox: Sandbox, config: Any,
                                              run: Runner) -> None:
    done = run(config(issued(sandbox, age), pin="DEADBEEF"))
    assert (done.outcome, done.requests, done.pin) == ("refreshed", 2, "")
    assert len(done.warnings) == 1
    assert_new_pair(done, sandbox)


@pytest.mark.parametrize("authorization, requests", [({}, 1), ({"refresh_token": "spent"}, 2)])
def test_a_refused_pin_and_nothing_else(authorization: Mapping[str, str], requests: int,
                                        config: Any, run: Runner) -> None:
    done = run(config(authorization, pin="DEADBEEF"))
    assert isinstance(done.error, LoginRequired) and done.error.reason == "pin_refused"
    assert (done.requests, done.unchanged) == (requests, True)
    assert_clean(done.config)


@pytest.mark.parametrize("age, outcome", [(FRESH, "kept"), (ADVISORY, "kept"), (EXPIRED, "failed")])
@pytest.mark.parametrize("answer", [FAILING, LOST], ids=["failing", "lost"])
def test_a_pin_whose_outcome_is_unknown_is_not_sent_again(answer: Answer, age: int, outcome: str,
                                                          sandbox: Sandbox, config: Any,
                                                          run: Runner) -> None:
    sandbox.answer(answer, times=5)
    done = run(config(issued(sandbox, age), pin=sandbox.issue_code()))
    assert (done.outcome, done.requests, done.unchanged) == (outcome, 1, True)
    assert done.error is None or isinstance(done.error, TraktUnavailable)


@pytest.mark.parametrize("age, outcome", [(FRESH, "kept"), (EXPIRED, "failed")])
def test_a_pin_without_a_place_to_save_is_not_sent(age: int, outcome: str, sandbox: Sandbox,
                                                   config: Any, run: Runner,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(issued(sandbox, age), pin=sandbox.issue_code())
    refuse_writing(monkeypatch, path)
    done = run(path)
    assert (done.outcome, done.requests, done.unchanged) == (outcome, 0, True)
    assert done.error is None or isinstance(done.error, SaveError)


@pytest.mark.parametrize("pin", ["<your pin>", "{{ pin }}", "${PIN}", "get it from Trakt", "~"])
def test_an_unfilled_pin_is_never_sent_and_never_cleared(pin: str, sandbox: Sandbox, config: Any,
                                                         run: Runner) -> None:
    done = run(config(issued(sandbox, EXPIRED), pin=pin))
    assert (done.outcome, done.requests) == ("refreshed", 1)
    assert f"  pin: {pin}\n".encode() in done.after


# Other runs, and hands, in between


def test_another_runs_refresh_is_adopted_whatever_was_asked(
        sandbox: Sandbox, config: Any, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(issued(sandbox, EXPIRED))
    theirs = config(issued(sandbox, FRESH), name="theirs").read_bytes()
    os.unlink(path.parent / "theirs")
    acquire = journal.acquire

    def slow(*arguments: Any) -> Any:
        taken = acquire(*arguments)
        path.write_bytes(theirs)
        return taken

    monkeypatch.setattr(journal, "acquire", slow)
    done = run(path, force=True)
    assert (done.outcome, done.requests, done.after) == ("adopted", 0, theirs)
    assert_clean(path)


def test_tokens_changed_by_hand_during_the_request_stay(sandbox: Sandbox, config: Any,
                                                        run: Runner) -> None:
    path = config(issued(sandbox, EXPIRED))
    theirs = config(issued(sandbox, FRESH), name="theirs").read_bytes()
    os.unlink(path.parent / "theirs")
    done = edit_during_request(sandbox, run, path, lambda old: theirs)
    assert (done.outcome, done.requests, done.after) == ("adopted", 1, theirs)
    assert_clean(path)


def test_a_refused_refresh_looks_again(sandbox: Sandbox, config: Any, run: Runner) -> None:
    path = config(issued(sandbox, EXPIRED))
    theirs = config(issued(sandbox, FRESH), name="theirs").read_bytes()
    os.unlink(path.parent / "theirs")
    sandbox.revoke_all()
    done = edit_during_request(sandbox, run, path, lambda old: theirs)
    assert (done.outcome, done.requests, done.after) == ("adopted", 1, theirs)


def test_an_edit_elsewhere_during_the_request_is_merged(sandbox: Sandbox, config: Any,
                                                        run: Runner) -> None:
    done = edit_during_request(sandbox, run, config(issued(sandbox, EXPIRED)),
                               lambda old: old.replace(b"Movies:", b"Films:") + b"# mine\n")
    assert (done.outcome, done.requests) == ("refreshed", 1)
    assert b"Films:" in done.after and done.after.endswith(b"# mine\n")
    assert sandbox.honours_refresh(done.values["refresh_token"])
    assert_clean(done.config)


@pytest.mark.parametrize("edit", [
    lambda old: old[:old.index(b"trakt:\n")], lambda old: b"[" + old, lambda old: b"",
], ids=["block deleted", "broken", "half saved"])
def test_a_config_that_cannot_take_the_answer_gets_it_after_the_repair(
        edit: Callable[[bytes], bytes], sandbox: Sandbox, config: Any, run: Runner) -> None:
    path = config(issued(sandbox, EXPIRED))
    good = path.read_bytes()
    done = edit_during_request(sandbox, run, path, edit)
    assert isinstance(done.error, SaveError) and done.after == edit(good)
    assert done.error.authorization is not None
    again = run(path)
    assert isinstance(again.error, SaveError) and again.requests == 0
    path.write_bytes(good)
    healed = run(path)
    assert (healed.outcome, healed.requests) == ("adopted", 0)
    assert_new_pair(healed, sandbox)
    assert healed.values == done.error.authorization.values()


def edit_during_request(sandbox: Sandbox, run: Runner, path: Path,
                        edit: Callable[[bytes], bytes]) -> Run:
    """Run, and edit the file while Trakt holds its answer."""
    import threading
    with sandbox.hold() as held:
        def edit_and_release() -> None:
            held.wait()
            path.write_bytes(edit(path.read_bytes()))
            held.release()
        editor = threading.Thread(target=edit_and_release)
        editor.start()
        done = run(path)
        editor.join()
    return done


def refuse_writing(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """As a read-only file would; root may write to those."""
    real_open = os.open

    def refusing(name: Any, flags: int, *rest: Any, **more: Any) -> int:
        if os.path.basename(name) == path.name and flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied")
        return real_open(name, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refusing)


# The public function


def test_authorize_returns_what_the_config_holds(sandbox: Sandbox, config: Any,
                                                 environ: Mapping[str, str]) -> None:
    path = config(issued(sandbox, EXPIRED))
    authorization = trakt_config.authorize(path, environ=environ)
    assert_is_in(path, authorization)
    assert authorization.expires_at.timestamp() > time.time() + WEEK - 60
    assert str(authorization.expires_at.tzinfo) == "UTC"
    assert authorization.access_token not in repr(authorization)
    assert authorization.refresh_token not in repr(authorization)


@pytest.mark.parametrize("anew", [True, False], ids=["made anew", "renamed back"])
def test_a_config_that_went_while_the_answer_came(anew: bool, sandbox: Sandbox, config: Any,
                                                  environ: Mapping[str, str]) -> None:
    """Every way in says where the tokens are by now, and what brings them into a config."""
    path: Path = config(issued(sandbox, EXPIRED))
    away = path.with_name("away.yml")
    with ThreadPoolExecutor() as pool, sandbox.hold() as held:
        run = pool.submit(trakt_config.authorize, path, environ=environ)
        held.wait()
        path.rename(away)
        held.release()
        assert isinstance(run.exception(), SaveError)
    journal_of = path.with_name(f".{path.name}.trakt-journal")
    dialog = trakt_config.Dialog(show_code=print)
    for enter in (lambda: trakt_config.authorize(path, environ=environ),
                  lambda: trakt_config.login(path, dialog=dialog, environ=environ),
                  lambda: trakt_config.copy_authorization(path, away, environ=environ)):
        with pytest.raises(ConfigError, match="the config does not exist") as caught:
            enter()
        assert f"is in {journal_of}: give the config its name back" in caught.value.hint
    if anew:
        config()
    else:
        away.rename(path)
    assert sandbox.honours_access(trakt_config.authorize(path, environ=environ).access_token)
    assert len(sandbox.token_requests) == 1 and not journal_of.exists()


# The config while Trakt answers


def test_a_refusal_is_remembered_although_the_config_is_half_saved_by_then(
        sandbox: Sandbox, config: Any, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor has it; when it is whole again, the refresh token is not sent once more."""
    path = config(issued(sandbox, ADVISORY))
    whole, read = path.read_bytes(), storage.read
    sandbox.answer(INVALID_GRANT)

    def half_saved(name: str) -> bytes:
        if sandbox.token_requests:
            path.write_bytes(b"trakt: {")
        return read(name)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "read", half_saved)
        assert isinstance(run(path).error, ConfigError)
    path.write_bytes(whole)
    again = run(path)
    assert (again.outcome, again.requests) == ("kept", 0)


def test_a_pin_that_is_cleared_half_way_is_an_error(sandbox: Sandbox, config: Any, run: Runner,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """In place, on a disk that fails: the tokens are good, and the file is not."""
    path = config(issued(sandbox, FRESH), pin="wrong" * 12)
    os.link(path, path.parent / "link.yml")

    def torn(fd: int, length: int, new: bytes) -> None:
        os.pwrite(fd, new[:len(new) // 2], 0)
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(overwrite, "_write_over", torn)
        failed = run(path)
    assert isinstance(failed.error, SaveError) and "half written" in failed.error.hint
    healed = run(path)
    assert healed.outcome == "fresh" and b"wrong" not in healed.after
    assert sorted(os.listdir(path.parent)) == [path.name, "link.yml"]


def test_an_answer_is_kept_whatever_becomes_of_the_clock(
        sandbox: Sandbox, config: Any, environ: Mapping[str, str]) -> None:
    """A caller's, which fails once the request has left: the next run puts the answer in."""
    path = config(issued(sandbox, EXPIRED))

    def clock() -> float:
        if sandbox.token_requests:
            raise RuntimeError("no more times")
        return time.time()

    with pytest.raises(RuntimeError):
        trakt_config.authorize(path, clock=clock, environ=environ)
    authorization = trakt_config.authorize(path, environ=environ)
    assert sandbox.honours_refresh(authorization.refresh_token)
    assert len(sandbox.token_requests) == 1
