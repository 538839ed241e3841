"""What `status` says of a config, offline and online, for people and for programs."""
from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

import trakt_config
from tests.support.ages import STILL_FRESH, WORTH_REFRESHING, issued
from trakt_config import TraktAuth, authorize, document, storage
from trakt_config.authorization import plan, save, status
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.left_over import LEFT_OVER
from trakt_config.authorization.plan import Step
from trakt_config.authorization.run import Options, Run
from trakt_config.cli import main
from trakt_config.errors import ConfigError, LoginRequired, TraktConfigError
from trakt_config.sandbox import Answer, Sandbox
from trakt_config.storage import surroundings

WEEK = 604800
JULY = 1782864000


@pytest.fixture(autouse=True)
def here(tmp_path: Path, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Configs are in the working directory, and Trakt is the sandbox."""
    monkeypatch.chdir(tmp_path)
    for name in ("TRAKT_CONFIG_OAUTH_URL", "TRAKT_CONFIG_API_URL"):
        monkeypatch.setenv(name, environ[name])


@pytest.fixture
def config(config: Any) -> Any:
    """Configs that Kometa would leave as they are."""
    return lambda *values, more="", **named: config(
        *values, more=f"{more}  force_refresh: false\n", **named)


def look(path: Path) -> status.Status:
    path.chmod(0o600)
    before = path.read_bytes(), path.stat().st_mtime_ns
    found = status.look(path, Options())
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    return found


def run(*arguments: str) -> int:
    """The command, in this process."""
    return main.main(["status", *arguments])


# The state, and what follows from it


@pytest.mark.parametrize("age, state, step, usable", [
    pytest.param(0, "valid", Step.NOTHING, True, id="fresh"),
    pytest.param(int(WORTH_REFRESHING * WEEK), "valid", Step.REFRESH_OR_KEEP, True,
                 id="getting old"),
    pytest.param(WEEK - 60, "valid", Step.REFRESH, True, id="valid for a minute"),
    pytest.param(WEEK + 60, "expired", Step.REFRESH, True, id="expired"),
])
def test_state_by_age(sandbox: Sandbox, config: Any, age: int, state: str, step: Step,
                      usable: bool) -> None:
    found = look(config(issued(sandbox, age)))
    assert (found.state, found.step, found.is_usable) == (state, step, usable)
    assert found.life_left == pytest.approx(max(0, 1 - age / WEEK), abs=0.001)
    assert (found.problems, sandbox.ledger) == ([], [])


@pytest.mark.parametrize("missing, state, step, usable", [
    pytest.param(["created_at"], "unknown_age", Step.REFRESH, True, id="without created_at"),
    pytest.param(["access_token"], "refresh_token_only", Step.REFRESH, True,
                 id="without an access token"),
    pytest.param(["refresh_token"], "valid", Step.NOTHING, True, id="without a refresh token"),
    pytest.param(["access_token", "refresh_token"], "none", None, False, id="without tokens"),
    pytest.param(["created_at", "refresh_token"], "unknown_age", None, False,
                 id="an access token alone"),
])
def test_state_where_values_are_missing(sandbox: Sandbox, config: Any, missing: list[str],
                                        state: str, step: Step, usable: bool) -> None:
    values = {key: value for key, value in issued(sandbox).items() if key not in missing}
    found = look(config(values))
    assert (found.state, found.step, found.is_usable) == (state, step, usable)
    assert isinstance(found.failure, LoginRequired) is (step is None)


@pytest.mark.parametrize("values", [{"created_at": ""}, {"expires_in": "soon"}, {"age": -WEEK}])
def test_an_access_token_of_unknown_age_has_no_times(sandbox: Sandbox, config: Any,
                                                     values: dict[str, Any]) -> None:
    found = look(config({**issued(sandbox, values.pop("age", 0)), **values}))
    assert found.state == "unknown_age"
    assert (found.authorization, found.issued_at, found.life_left) == (None, None, None)


def test_pin_alone_is_usable(sandbox: Sandbox, config: Any) -> None:
    found = look(config(pin=sandbox.issue_code()))
    assert (found.state, found.step, found.is_usable) == ("pin_only", Step.EXCHANGE, True)


@pytest.mark.parametrize("age, step, usable", [
    (int(WORTH_REFRESHING * WEEK), Step.KEEP, True),
    (WEEK - 60, None, False), (WEEK + 60, None, False)])
def test_old_access_token_without_a_refresh_token(sandbox: Sandbox, config: Any, age: int,
                                                  step: Step, usable: bool) -> None:
    """It is usable for as long as `authorize` keeps it."""
    found = look(config({**issued(sandbox, age), "refresh_token": ""}))
    assert (found.step, found.is_usable) == (step, usable)


def test_dry_run_says_the_same(sandbox: Sandbox, config: Any) -> None:
    """Where nothing can be done and nothing has to be, there is no difference to show."""
    path = config({**issued(sandbox, int(WORTH_REFRESHING * WEEK)), "refresh_token": ""})
    found = plan.plan(path, Options())
    assert (found.intention, found.diff) == (Step.KEEP.value, "")


# Problems


def only_problem(path: Path) -> str:
    found = look(path)
    assert len(found.problems) == 1, found.problems
    return found.problems[0]


@pytest.mark.parametrize("ahead, words", [(60, r"\d\d seconds"), (WEEK, r"[67]\.\d days")])
def test_clock_that_is_wrong(sandbox: Sandbox, config: Any, ahead: int, words: str) -> None:
    assert re.fullmatch(f"the authorization was issued {words} in the future: check the clock of "
                        "this machine", only_problem(config(issued(sandbox, -ahead))))


def test_refresh_token_from_before_the_migration(sandbox: Sandbox, config: Any) -> None:
    values = sandbox.issue_authorization(created_at=JULY - 1)
    assert "move of July 2026" in only_problem(config(values))


REFUSED = Answer(400, b'{"error": "invalid_grant"}')
LOST = Answer(process=True, cut="close")


def refresh(path: Path, *answers: Answer, sandbox: Sandbox, force: bool = True) -> None:
    """A run, which may fail."""
    for answer in answers:
        sandbox.answer(answer)
    try:
        trakt_config.authorize(path, force=force)
    except TraktConfigError:
        pass


@pytest.mark.parametrize("runs", [[LOST, None], [REFUSED], [LOST, None, None]],
                         ids=["lost, then refused", "refused", "and again"])
def test_a_refresh_token_that_trakt_has_refused(runs: list[Any], sandbox: Sandbox,
                                                config: Any) -> None:
    """While the access token is good, nobody else would tell that a person has to sign in."""
    path = config(issued(sandbox))
    for answer in runs:
        refresh(path, *filter(None, [answer]), sandbox=sandbox)
    found = look(path)
    assert found.is_usable and found.authorization
    assert re.fullmatch("Trakt refused the refresh token when it was last tried, and the access "
                        f"token ends {found.authorization.expires_at:%Y-%m-%d %H:%M} UTC, unless "
                        "it was revoked: sign in, with: "
                        rf"trakt-config login \S+{path.name}", only_problem(path))


def test_no_date_is_promised_that_a_revocation_makes_false(
        sandbox: Sandbox, config: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Once both tokens are refused, neither a run nor a look says that the one is good until then.
    """
    path = config(issued(sandbox))
    sandbox.revoke_all()
    with requests.Session() as session, pytest.raises(LoginRequired):
        session.auth = TraktAuth(path)
        session.get(sandbox.url + "/sync/watchlist", timeout=30)
    trakt_config.authorize(path)
    for said in (caplog.text, only_problem(path)):
        assert "unless it was revoked: sign in, with" in said and "before 20" not in said


def test_a_refused_refresh_token_is_not_sent_again_while_the_access_token_is_good(
        sandbox: Sandbox, config: Any) -> None:
    path = config(issued(sandbox, int(WORTH_REFRESHING * WEEK)))
    refresh(path, REFUSED, sandbox=sandbox, force=False)
    for _ in range(3):
        trakt_config.authorize(path)
    assert len(sandbox.token_requests) == 1
    assert look(path).step is Step.KEEP_REFUSED


def other_tokens(path: Path, sandbox: Sandbox) -> None:
    """Somebody puts another pair into the config, and the next run finds it."""
    before = document.parse(path.read_bytes())
    path.write_bytes(document.set_authorization(before, issued(sandbox)).data)
    trakt_config.authorize(path)


def pin(path: Path, sandbox: Sandbox) -> None:
    path.write_text(path.read_text().replace("  pin:", f"  pin: {sandbox.issue_code()}"))
    trakt_config.authorize(path)


def sign_in(path: Path, sandbox: Sandbox) -> None:
    addresses: list[str] = []
    trakt_config.login(path, method="pin", dialog=trakt_config.Dialog(
        show_address=addresses.append, ask_pin=lambda: sandbox.sign_in(addresses[0])))


def refresh_that_works(path: Path, sandbox: Sandbox) -> None:
    trakt_config.authorize(path, force=True)


@pytest.mark.parametrize("way", [other_tokens, pin, sign_in, refresh_that_works])
def test_a_refusal_is_forgotten_with_the_refresh_token(way: Any, sandbox: Sandbox,
                                                       config: Any) -> None:
    path = config(issued(sandbox))
    refresh(path, REFUSED, sandbox=sandbox)
    way(path, sandbox)
    assert (look(path).problems, os.listdir(path.parent)) == ([], [path.name])


def give_up(path: Path, sandbox: Sandbox) -> None:
    with pytest.raises(LoginRequired):
        trakt_config.login(path, method="pin", dialog=trakt_config.Dialog(
            show_address=str, ask_pin=str))


def wrong_pin(path: Path, sandbox: Sandbox) -> None:
    before = path.read_bytes()
    path.write_bytes(before.replace(b"  pin:", b"  pin: 12345678"))
    trakt_config.authorize(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("way", [give_up, wrong_pin])
def test_a_refusal_is_remembered_until_there_is_something_better(way: Any, sandbox: Sandbox,
                                                                 config: Any) -> None:
    path = config(issued(sandbox))
    refresh(path, REFUSED, sandbox=sandbox)
    way(path, sandbox)
    assert "Trakt refused the refresh token" in only_problem(path)


def test_an_address_that_is_none(sandbox: Sandbox, config: Any,
                                 monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(issued(sandbox))
    monkeypatch.setenv("TRAKT_CONFIG_OAUTH_URL", "nonsense")
    assert "cannot be refreshed: TRAKT_CONFIG_OAUTH_URL" in only_problem(path)


def test_a_refresh_token_that_another_config_has_spent(sandbox: Sandbox, config: Any) -> None:
    """The config was renamed after a run on it was killed with Trakt's answer in the journal."""
    old = config(issued(sandbox), name="old.yml")
    with storage.hold(str(old), timeout=1, environ=os.environ, warn=print) as held:
        held.reserve(Intent.of(Run.on(old, Options()).read()).encode(), 1000)
        held.record(json.dumps(sandbox.issue_authorization()).encode(), time.time())
    path = old.rename(old.parent / "config.yml")
    assert "cannot be refreshed: the refresh token was spent by a run" in only_problem(path)


@pytest.mark.parametrize("old, new, words", [
    ("    access_token:", "    acces_token:",
     ".*/config.yml:12:\\d+: .* is access_token meant?"),
    ("    refresh_token:", "    Refresh_Token:",
     ".*/config.yml:15:\\d+: .* is refresh_token meant?"),
    ("  client_secret:", "  client_secert:",
     ".*/config.yml:7:\\d+: .* is client_secret meant?"),
    ("  pin:", "  access_token: x\n  pin:",
     ".*/config.yml:9:\\d+: .* belongs in trakt.authorization"),
    ("  pin:", "  cheese: x\n  pin:",
     ".*/config.yml:9:\\d+: .* it is left as it is"),
])
def test_keys_that_nobody_reads(sandbox: Sandbox, config: Any, old: str, new: str,
                                words: str) -> None:
    path = config(issued(sandbox))
    path.write_text(path.read_text().replace(old, new, 1))
    assert [re.match(words, problem) for problem in look(path).problems][-1]


@pytest.mark.parametrize("name, is_filled", [
    ("an-id", True), ("AN_ID", True), ("id", True), ("an_id", False), ("An-Id", False)])
def test_placeholders_that_kometa_does_not_fill(name: str, is_filled: bool, sandbox: Sandbox,
                                                config: Any, environ: Mapping[str, str]) -> None:
    """To us they all are one."""
    path = config(issued(sandbox))
    path.write_text(path.read_text().replace(sandbox.client_id, f"<<{name}>>", 1))
    options = Options(environ={**environ, "KOMETA_AN_ID": "x", "KOMETA_ID": "x"})
    found = [problem for problem in status.look(path, options).problems if "fill" in problem]
    assert len(found) == (0 if is_filled else 1)
    assert all(":6:14: Kometa does not fill" in problem for problem in found)


def test_key_that_holds_a_secret_is_not_shown(sandbox: Sandbox, config: Any) -> None:
    """In flow style, `{pin:1234}` is one key."""
    path = config(issued(sandbox))
    path.write_text(path.read_text().replace("  pin:\n", "  x: 1\n  pin:1234567890abcdef:\n"))
    assert "1234567890" not in str(look(path).problems)


@pytest.mark.parametrize("mode, warned", [(0o600, False), (0o640, False), (0o644, True)])
def test_readable_by_others(sandbox: Sandbox, config: Any, mode: int, warned: bool) -> None:
    path = config(issued(sandbox))
    path.chmod(mode)
    problems = status.look(path, Options()).problems
    assert [("chmod 600" in text and "640" in text) for text in problems] == [True] * warned


def test_not_writable(sandbox: Sandbox, config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(issued(sandbox))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "does not let this user" in only_problem(path)


def test_left_over_journal(sandbox: Sandbox, config: Any) -> None:
    path = config(issued(sandbox))
    (path.parent / f".{path.name}.trakt-journal").touch()
    assert storage.journal_exists(str(path), {}) and only_problem(path) == LEFT_OVER


def test_what_a_journal_only_remembers_is_not_said_to_be_finished(
        sandbox: Sandbox, config: Any, caplog: pytest.LogCaptureFixture) -> None:
    """In doubt, it is said when the refresh token is tried again; and neither that nor a refusal is
    told of a refresh token that is not there any more.
    """
    for answer, words in ((Answer(process=True, cut="close"), "tried again when the access token"),
                          (REFUSED, "Trakt refused the refresh token")):
        path = config(issued(sandbox, int(WORTH_REFRESHING * WEEK)))
        refresh(path, answer, sandbox=sandbox, force=False)
        assert words in only_problem(path) and "finished first" not in only_problem(path)
        path.write_text(re.sub(r"(refresh_token:).*", r"\1", path.read_text()))
        caplog.clear()
        trakt_config.authorize(path)
        for said in (caplog.text, only_problem(path)):
            assert "there is no refresh token" in said or "has no refresh token" in said
        assert look(path).step is Step.KEEP
        (path.parent / f".{path.name}.trakt-journal").unlink()


def test_edit_that_would_be_refused(sandbox: Sandbox, config: Any,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """A problem while the authorization is fresh; an error where the next run has to write."""
    def refuse(*_: Any, **__: Any) -> None:
        raise ConfigError("no room", line=7)

    fresh, due = config(issued(sandbox)), config(issued(sandbox, 2 * WEEK), name="due.yml")
    monkeypatch.setattr(status.document, "set_authorization", refuse)
    assert only_problem(fresh) == f"{fresh}:7:1: new tokens could not be written: no room"
    with pytest.raises(ConfigError, match="no room"):
        look(due)


def test_places_are_written_as_everywhere_else(
        sandbox: Sandbox, config: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Status, its JSON and authorize name the same place in the same words."""
    path = config(issued(sandbox))
    path.write_text(path.read_text().replace("  pin:\n", "  Pinn: 1\n"))
    place = "config.yml:9:3: trakt has a key that is not read here; is pin meant?"
    run("config.yml")
    assert f"warning: {place}\n" in capsys.readouterr().err
    run("config.yml", "--json")
    assert place in json.loads(capsys.readouterr().out)["problems"]
    main.main(["authorize", "config.yml"])
    assert f"warning: {place}\n" in capsys.readouterr().err


# A config that is itself a mount


@pytest.mark.parametrize("line, found", [
    (rb"36 35 98:0 /x /srv/config.yml rw - ext4 /dev/sda rw", True),
    (rb"36 35 98:0 /x /srv rw - ext4 /dev/sda rw", False),
    (rb"36 35 98:0 /srv/config.yml /etc/hosts rw - ext4 /dev/sda rw", False),
    (b"nonsense", False), (b"", False),
])
def test_mount_point(tmp_path: Path, line: bytes, found: bool) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_bytes(b"21 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + line + b"\n" * bool(line))
    assert surroundings.is_mount_point("/srv/config.yml", str(mountinfo)) is found


def test_mount_point_with_an_odd_name(tmp_path: Path) -> None:
    """proc(5) writes blanks, tabs, newlines and backslashes as octal numbers."""
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_bytes(rb"36 35 98:0 /x /a\040b\134\012c rw - ext4 /dev/sda rw")
    assert surroundings.is_mount_point("/a b\\\nc", str(mountinfo))
    assert not surroundings.is_mount_point("/a", str(tmp_path / "missing"))


@pytest.mark.skipif(not shutil.which("unshare"), reason="there is no unshare(1)")
def test_real_single_file_mount(sandbox: Sandbox, config: Any, environ: Mapping[str, str],
                                tmp_path: Path) -> None:
    path = config(issued(sandbox))
    path.chmod(0o600)
    target = tmp_path / "mounted file.yml"
    target.touch()
    script = 'mount --bind "$1" "$2" || exit 99; shift; exec "$2" -m trakt_config status "$1"'
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", path, target,
                           sys.executable], capture_output=True, text=True, timeout=60,
                          env={**environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    if done.returncode in (1, 99):
        pytest.skip("no mount namespaces here: " + done.stderr.strip()[-80:])
    assert done.returncode == 0 and "mounted as a single file" in done.stderr


# For people


def test_words_for_people(sandbox: Sandbox, config: Any,
                          capsys: pytest.CaptureFixture[str]) -> None:
    config(issued(sandbox, STILL_FRESH * WEEK)).chmod(0o600)
    assert run("config.yml", "-q") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert re.fullmatch(
        r"config\.yml: signed in, valid until \d{4}-\d\d-\d\d \d\d:\d\d \S+ \(\d+ (days?|hours)\)\n"
        rf"  since \d{{4}}-\d\d-\d\d \d\d:\d\d \S+; {1 - STILL_FRESH:.0%} of its life is left\n"
        r"  the next authorize would do nothing: the authorization is fresh\n", said.out)


@pytest.mark.parametrize("age, status, words", [
    (0, 0, "signed in, valid until .*\n  since .*\n  the next authorize would do nothing: .*\n"),
    (int(WORTH_REFRESHING * WEEK), 0,
     "signed in, valid until .*\n  since .*\n  the next authorize would keep .*\n"),
    (WEEK - 60, 3, "signed in, valid until .*\n  since .*\n"),
    (WEEK + 60, 3, "the access token expired .*\n"),
])
def test_words_without_a_refresh_token(sandbox: Sandbox, config: Any, age: int, status: int,
                                       words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Until when it does is said while it does."""
    config({**issued(sandbox, age), "refresh_token": ""})
    assert run("config.yml") == status
    said = capsys.readouterr()
    assert re.fullmatch("config.yml: " + words, said.out)
    assert ("there is no refresh token, and the access token ends 20" in said.err) is (age < WEEK)


@pytest.mark.parametrize("missing, words", [
    (["created_at"], "there is an access token, but when it ends is not known"),
    (["access_token"], "there is a refresh token, but no access token"),
    (["access_token", "refresh_token"], "not signed in"),
])
def test_words_where_values_are_missing(sandbox: Sandbox, config: Any, missing: list[str],
                                        words: str, capsys: pytest.CaptureFixture[str]) -> None:
    config({key: value for key, value in issued(sandbox).items() if key not in missing})
    run("config.yml")
    assert capsys.readouterr().out.splitlines()[0] == f"config.yml: {words}"


@pytest.mark.parametrize("changed, words", [
    ({"refresh_token": "", "created_at": ""}, "created_at is missing or not usable"),
    ({"refresh_token": "", "created_at": "yesterday"}, "created_at is missing or not usable"),
    ({"refresh_token": "", "created_at": "", "expires_in": "1w"},
     "created_at and expires_in are missing or not usable")])
def test_a_token_of_unknown_age_is_not_no_authorization(
        changed: dict[str, str], words: str, sandbox: Sandbox, config: Any,
        capsys: pytest.CaptureFixture[str]) -> None:
    """In the library as on the command line."""
    path = config({**issued(sandbox), **changed})
    message = f"the config has an access token of unknown age ({words}), and no refresh token"
    with pytest.raises(LoginRequired) as caught:
        authorize(path)
    assert caught.value.message == message
    assert run("config.yml") == 3
    said = capsys.readouterr()
    assert f"config.yml: {message}\n  Sign in, with: trakt-config login config.yml (or, if it is " \
        in said.err
    assert "there is an access token, but when it ends is not known" in said.out


def test_a_pin_behind_a_comment_sign_is_named(config: Any) -> None:
    path = config(pin="#1234ABCD")
    with pytest.raises(LoginRequired, match="yml:9:3: .* and trakt.pin is only a comment"):
        authorize(path)


def test_login_needed_is_exit_3(config: Any, capsys: pytest.CaptureFixture[str]) -> None:
    config().chmod(0o600)
    assert run("config.yml") == 3
    said = capsys.readouterr()
    assert said.out == "config.yml: not signed in\n"
    assert said.err.startswith("config.yml: the config has no authorization yet\n")
    assert "trakt-config login" in said.err


def test_gravest_of_several_counts(sandbox: Sandbox, config: Any,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    config(issued(sandbox), name="good.yml")
    assert run("missing.yml", "good.yml") == 2
    config(name="none.yml")
    assert run("missing.yml", "none.yml", "good.yml") == 3
    assert capsys.readouterr().out.count("good.yml: signed in") == 2


def test_no_secret_is_shown(sandbox: Sandbox, config: Any, caplog: pytest.LogCaptureFixture,
                            capsys: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    values = issued(sandbox)
    config(values, pin="8BADF00D")
    for options in ([], ["--json"], ["--online"]):
        run("config.yml", *options)
    said = capsys.readouterr()
    text = said.out + said.err + caplog.text
    for secret in (values["access_token"], values["refresh_token"], sandbox.client_secret,
                   "8BADF00D"):
        assert secret[:12] not in text


# Online


def test_online_says_who_it_is(sandbox: Sandbox, config: Any,
                               capsys: pytest.CaptureFixture[str]) -> None:
    config(issued(sandbox, WORTH_REFRESHING * WEEK))
    assert run("--online", "config.yml") == 0
    out = capsys.readouterr().out
    assert "  Trakt says: Sandy Box (sandbox), Trakt VIP, uuid 00000000-" in out
    assert "  allowed: commenting, liking, following\n" in out
    assert "watchlist item count 5000" in out
    assert [request.path for request in sandbox.ledger] == ["/users/settings"]


def test_permissions_that_are_switched_off(sandbox: Sandbox, config: Any,
                                           capsys: pytest.CaptureFixture[str],
                                           caplog: pytest.LogCaptureFixture) -> None:
    values = issued(sandbox)
    config(values).chmod(0o600)
    body = {"user": {"username": values["access_token"]},
            "permissions": {"commenting": False, "liking": True, "following": False}}
    sandbox.answer(Answer(200, json.dumps(body).encode()), path="/users/settings")
    assert run("--online", "config.yml") == 0
    assert [record.getMessage()[:60] for record in caplog.records] == [
        "config.yml: Trakt has switched off commenting for this accou",
        "config.yml: Trakt has switched off following for this accoun"]
    assert values["access_token"][:12] not in capsys.readouterr().out
    sandbox.answer(Answer(200, json.dumps(body).encode()), path="/users/settings")
    run("--online", "--json", "config.yml")
    found = json.loads(capsys.readouterr().out)
    assert len(found["problems"]) == 2
    assert found["account"]["permissions"] == {"commenting": False, "liking": True,
                                               "following": False}


@pytest.mark.parametrize("answer, exit_status, words", [
    (Answer(401), 3, "Trakt refused the access token"),
    (Answer(403), 3, "Trakt refuses this app (403)"),
    (Answer(423, headers={"X-Account-Locked": "true"}), 3, "Trakt has locked this account"),
    (Answer(423, headers={"X-Account-Deactivated": "true"}), 3, "is deactivated"),
    (Answer(426), 3, "VIP members only (426)"),
    (Answer(429, headers={"Retry-After": "60"}), 4, "too many requests (429)"),
    (Answer(503), 4, "Trakt failed (503)"),
])
def test_online_answers(sandbox: Sandbox, config: Any, answer: Answer, exit_status: int,
                        words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each in its own words; what is known offline is said all the same, nothing is refreshed."""
    path = config(issued(sandbox))
    before = path.read_bytes()
    sandbox.answer(answer, times=3, path="/users/settings")
    assert run("--online", "config.yml") == exit_status
    said = capsys.readouterr()
    said_first = "Trakt refuses the access" if answer.status == 401 else "signed in"
    assert f"config.yml: {said_first}" in said.out and words in said.err
    assert (path.read_bytes(), sandbox.token_requests) == (before, [])


def test_online_without_an_access_token_asks_nobody(sandbox: Sandbox, config: Any) -> None:
    config({**issued(sandbox), "access_token": ""})
    assert (run("--online", "config.yml"), sandbox.ledger) == (0, [])


# For programs


def test_json(sandbox: Sandbox, config: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """One object for each file; every key is there, whatever is known."""
    config(issued(sandbox, STILL_FRESH * WEEK)).chmod(0o600)
    assert run("--json", "--online", "config.yml", "missing.yml") == 2
    good, bad = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert list(good) == list(bad)
    assert (good["state"], good["usable"], good["next"]) == ("valid", True, "nothing")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", good["expires_at"])
    assert good["expires_in"] == pytest.approx((1 - STILL_FRESH) * WEEK, abs=60)
    assert good["life_left"] == pytest.approx(1 - STILL_FRESH, abs=0.01)
    assert (good["problems"], good["error"]) == ([], None)
    assert good["account"]["limits"]["list.count"] == 100
    assert bad["error"]["kind"] == "ConfigError" and bad["usable"] is False


def test_json_of_a_config_that_needs_a_login(config: Any,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    config().chmod(0o600)
    assert run("--json", "config.yml") == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["state"], found["next"]) == ("none", None)
    assert found["error"]["kind"] == "LoginRequired"


def test_journal_of_a_killed_run_stays(sandbox: Sandbox, config: Any,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """Status locks nothing and finishes nothing."""
    path = config(issued(sandbox, 2 * WEEK))
    monkeypatch.setattr(save, "save", lambda *_, **__: 1 / 0)
    from trakt_config.authorization import authorize
    with pytest.raises(ZeroDivisionError):
        authorize.ensure_authorized(path, Options())
    journal = path.parent / f".{path.name}.trakt-journal"
    before = journal.read_bytes()
    assert look(path).problems == [LEFT_OVER] and journal.read_bytes() == before


@pytest.mark.parametrize("key, name, advice", [
    ("force_refresh", "force_refesh", ""), ("force_refresh", "force", ""),
    ("pin", "PIN", ""), ("pin", "notes", "add `pin: null` to trakt")])
def test_a_key_that_is_misspelt_is_not_to_be_added(key: str, name: str, advice: str,
                                                   sandbox: Sandbox, config: Any) -> None:
    """Who did that alone had both."""
    path = config(issued(sandbox))
    path.write_text(path.read_text().replace(f"  {key}:", f"  {name}: true #", 1))
    said = "\n".join(look(path).problems)
    assert advice in said and ("Kometa rewrites" in said) is bool(advice)


def test_a_misspelt_refresh_token_is_to_be_corrected(sandbox: Sandbox, config: Any) -> None:
    """What else may be done for one that is missing is no way here."""
    path = config(issued(sandbox))
    path.write_text(path.read_text().replace("refresh_token:", "refresh-token:", 1))
    assert look(path).problems == [
        f"there is no refresh token: correct {path}:15:5 first",
        f"{path}:15:5: trakt.authorization has a key that is not read here; is refresh_token meant?"
    ]
