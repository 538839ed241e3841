"""The command, as a process of its own: words, streams, exit statuses."""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support.ages import WORTH_REFRESHING, issued
from trakt_config import __version__
from trakt_config.cli import arguments, boundary, main, output
from trakt_config.sandbox import Answer, Sandbox

ROOT = Path(__file__).parents[3]
WEEK = 604800

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(environ: Mapping[str, str], tmp_path: Path) -> Command:
    """Runs `trakt-config` in `tmp_path`."""
    def run(*arguments: str, prefix: str = "", **variables: str) -> Any:
        whole = [sys.executable, "-W", "error", "-m", "trakt_config", *arguments]
        if prefix:
            whole = ["sh", "-c", f'exec "$@" {prefix}', "sh", *whole]
        return subprocess.run(whole, cwd=tmp_path, capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL,
                              env={**environ, "PYTHONPATH": str(ROOT), "TZ": "UTC", **variables})
    return run


def test_success_is_one_line_on_stdout(sandbox: Sandbox, config: Any, command: Command) -> None:
    config(pin=sandbox.issue_code())
    done = command("authorize", "config.yml")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"config\.yml: exchanged, valid until \d{4}-\d\d-\d\d \d\d:\d\d UTC "
                        r"\(7 days\)\n", done.stdout)


def test_the_time_is_local(sandbox: Sandbox, config: Any, command: Command) -> None:
    config(issued(sandbox, 0))
    assert " EST (7 days)" in command("authorize", "config.yml", TZ="EST5").stdout


def test_quiet_drops_success_but_no_warning(sandbox: Sandbox, config: Any,
                                            command: Command) -> None:
    config(issued(sandbox, int(WORTH_REFRESHING * WEEK)))
    sandbox.answer(Answer(503))
    done = command("authorize", "-q", "config.yml")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("warning: config.yml: ") and done.stderr.count("\n") == 1


def test_options_may_stand_before_the_command(sandbox: Sandbox, config: Any,
                                              command: Command) -> None:
    config(issued(sandbox, 0))
    assert command("-q", "authorize", "config.yml").stdout == ""
    config(issued(sandbox, 2 * WEEK))
    assert "Trakt's answer is saved" in command("-v", "authorize", "config.yml").stderr


def test_verbose_says_why_it_waits(sandbox: Sandbox, config: Any, command: Command) -> None:
    config(issued(sandbox, 2 * WEEK))
    sandbox.answer(Answer(429, headers={"Retry-After": "1"}))
    done = command("authorize", "-v", "config.yml")
    assert done.returncode == 0 and "trying again in 1 s" in done.stderr


@pytest.mark.parametrize("text, words", [
    (b"", "config.yml: there is no trakt block in this file"),
    (b"- a\n", "config.yml:1:1: "),
    (b"trakt:\n", "config.yml:1:1: the trakt block is empty: it has no client_id"),
    (b"trakt:\n  client_id:\n", "config.yml:2:3: trakt.client_id is empty"),
    (b"trakt:\n  client_id: <<id>>\n",
     "trakt.client_id needs the environment variable KOMETA_ID, which is not set"),
    (b"trakt:\n\tclient_id: x\n", "config.yml:2:"),
    (b"trakt:\n  client_id: x\n  client_id: y\n", "config.yml:3:"),
], ids=["empty", "a sequence", "null", "no client_id", "placeholder", "tab", "duplicate"])
def test_a_bad_config_is_one_clear_error(text: bytes, words: str, tmp_path: Path,
                                         command: Command) -> None:
    (tmp_path / "config.yml").write_bytes(text)
    done = command("authorize", "config.yml")
    assert (done.returncode, done.stdout) == (2, "")
    error, hint = done.stderr.splitlines()
    assert words in error and hint.startswith("  ")
    assert (tmp_path / "config.yml").read_bytes() == text
    assert os.listdir(tmp_path) == ["config.yml"]


def test_a_missing_file_and_a_folder(tmp_path: Path, command: Command) -> None:
    missing, folder = command("authorize", "nope.yml"), command("authorize", ".")
    assert missing.stderr.startswith("nope.yml: the config does not exist\n")
    assert folder.stderr == ".: the config is a directory\n  Name the file in it.\n"
    assert (missing.returncode, folder.returncode) == (2, 2)


@pytest.mark.parametrize("answer, status", [
    (Answer(400, b'{"error": "invalid_grant"}'), 3),
    (Answer(401, b'{"error": "invalid_client"}'), 3),
    (Answer(423), 3), (Answer(429, headers={"Retry-After": "600"}), 4),
])
def test_exit_statuses(answer: Answer, status: int, sandbox: Sandbox, config: Any,
                       command: Command) -> None:
    config(issued(sandbox, 2 * WEEK))
    sandbox.answer(answer, times=9)
    done = command("authorize", "config.yml")
    assert (done.returncode, done.stdout) == (status, "")
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 2


def test_of_several_files_each_is_done_and_the_gravest_counts(sandbox: Sandbox, config: Any,
                                                              command: Command) -> None:
    config(issued(sandbox, 0), name="fresh.yml")
    config(name="none.yml")
    config(issued(sandbox, 2 * WEEK), name="due.yml")
    done = command("authorize", "missing.yml", "none.yml", "fresh.yml", "due.yml")
    assert done.returncode == 3
    assert [line.split(",")[0] for line in done.stdout.splitlines()] \
        == ["fresh.yml: fresh", "due.yml: refreshed"]
    assert "missing.yml: " in done.stderr and "none.yml: " in done.stderr


@pytest.mark.parametrize("statuses, gravest", [
    ((0, 4), 4), ((4, 2), 2), ((2, 3), 3), ((3, 5), 5), ((5, 1), 1)])
def test_the_order_of_gravity(statuses: Any, gravest: int) -> None:
    assert min(statuses, key=boundary.GRAVEST_FIRST.index) == gravest


def test_json_is_an_object_for_each_file(sandbox: Sandbox, config: Any,
                                         command: Command) -> None:
    config(issued(sandbox, 2 * WEEK))
    done = command("authorize", "--json", "config.yml", "missing.yml")
    good, bad = [json.loads(line) for line in done.stdout.splitlines()]
    assert good["outcome"] == "refreshed" and good["error"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", good["expires_at"])
    assert WEEK - 60 < good["expires_in"] <= WEEK
    assert bad == {"config": "missing.yml", "outcome": "failed", "expires_at": None,
                   "expires_in": None, "warnings": [], "error": {
                       "kind": "ConfigError", "message": "the config does not exist",
                       "hint": "Check the path of the config.",
                       "path": "missing.yml", "line": None, "column": None,
                       "reason": None, "detail": None, "retry_after": None,
                       "outcome_unknown": None}}


def documented(title: str) -> set[str]:
    """The names in one table of docs/json.rst."""
    section = (ROOT / "docs" / "json.rst").read_text("utf-8").split(f"\n{title}\n---")[1]
    table = section.split("\n==")[1]
    return set(re.findall(r"^``(\w+)``", table, re.MULTILINE))


def test_json_is_documented(sandbox: Sandbox, config: Any, command: Command) -> None:
    config(issued(sandbox, 0))
    authorized = command("authorize", "--json", "--copy-to", "copy.yml", "config.yml").stdout
    looked_at = json.loads(command("status", "--json", "missing.yml").stdout)
    assert documented("``authorize --json``") - {"copy_of"} == set(
        json.loads(authorized.splitlines()[0]))
    assert documented("``status --json``") == set(looked_at)
    assert documented("``error``") == set(looked_at["error"])


def test_json_says_that_the_outcome_is_not_known(sandbox: Sandbox, config: Any,
                                                 command: Command) -> None:
    """Trakt has spent the refresh token, and the network has lost the answer."""
    config(issued(sandbox, 2 * WEEK))
    sandbox.answer(Answer(process=True, cut="close"))
    sandbox.answer(Answer(cut="close"))
    error = json.loads(command("authorize", "--json", "config.yml").stdout)["error"]
    assert error["outcome_unknown"] is True
    assert error["message"] == ("Trakt was asked, and no answer came: "
                                "the connection to 127.0.0.1 was cut")
    assert error["hint"] == "The refresh token may be spent. Try again later."
    refused = json.loads(command("authorize", "--json", "config.yml").stdout)["error"]
    assert refused["reason"] == "refresh_token_refused" and "was lost" in refused["hint"]


@pytest.mark.sampled(5)
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("asked, words", [(45, "in 45 s"), (600, "in 10 minutes"),
                                          (3601, "in 61 minutes"), (9000, "in 3 hours")])
def test_when_to_try_again_is_said(status: int, asked: int, words: str, sandbox: Sandbox,
                                   config: Any, command: Command) -> None:
    """In seconds for programs, and in words, with which nobody comes too early."""
    config(issued(sandbox))
    sandbox.answer(Answer(status, headers={"Retry-After": str(asked)}), path="/users/settings",
                   times=9)
    done = command("status", "--online", "--json", "config.yml")
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 4
    assert (error["retry_after"], error["hint"]) == (asked, f"Try again {words}.")


def test_dry_run_shows_a_masked_difference_and_does_nothing(sandbox: Sandbox, config: Any,
                                                            command: Command) -> None:
    old = issued(sandbox, 2 * WEEK)
    path = config(old, pin=sandbox.issue_code())
    before = path.read_bytes()
    done = command("authorize", "--dry-run", "config.yml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("config.yml: would exchange the pin")
    assert "-  pin: ********\n+  pin:\n" in done.stdout
    assert old["access_token"] not in done.stdout and sandbox.client_secret not in done.stdout
    assert (path.read_bytes(), sandbox.ledger) == (before, [])
    assert os.listdir(path.parent) == ["config.yml"]


def test_dry_run_has_the_warnings_of_a_run(sandbox: Sandbox, config: Any,
                                           command: Command) -> None:
    path = config(issued(sandbox, 0))
    path.write_text(path.read_text().replace("  client_id:", "  redirect_url: x\n  client_id:"))
    dry, real = (command("authorize", *options, "config.yml") for options in (["--dry-run"], []))
    assert "is redirect_uri meant?" in real.stderr and dry.stderr == real.stderr


def test_dry_run_of_a_fresh_config(sandbox: Sandbox, config: Any, command: Command) -> None:
    config(issued(sandbox, 0))
    done = command("authorize", "--dry-run", "config.yml")
    assert done.stdout == "config.yml: would do nothing: the authorization is fresh\n"


def test_dry_run_without_anything_to_go_on(config: Any, command: Command) -> None:
    config()
    assert command("authorize", "--dry-run", "config.yml").returncode == 3


@pytest.mark.parametrize("arguments", [
    [], ["authorize"], ["nonsense"], ["authorize", "--min-validity", "soon", "config.yml"],
    ["authorize", "--min-validity", "-1", "config.yml"],
    ["authorize", "--json", "--dry-run", "config.yml"], ["authorize", "--forc", "config.yml"],
])
def test_wrong_usage_is_exit_2(arguments: list[str], command: Command) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "") and "usage: " in done.stderr


@pytest.mark.sampled(1)
@pytest.mark.parametrize("text, seconds", [
    ("30s", 30), ("45m", 2700), ("6h", 21600), ("2d", 172800), ("0", 0), ("1.5h", 5400),
    ("1h30m", 5400), ("1W", 604800), (" 6H ", 21600)])
def test_durations(text: str, seconds: int) -> None:
    assert arguments.duration(text).total_seconds() == seconds


@pytest.mark.sampled(1)
@pytest.mark.parametrize("seconds, words", [
    (0, "0 s"), (59, "59 s"), (60, "1 minute"), (89, "1 minute"), (90, "2 minutes"),
    (3600, "1 hour"), (5400, "2 hours"), (86400, "1 day"), (604799, "7 days"), (-5, "0 s")])
def test_durations_for_people_are_rounded_to_the_nearest(seconds: int, words: str) -> None:
    assert output.for_people(timedelta(seconds=seconds)) == words


def test_only_the_chosen_command_is_imported(command: Command, tmp_path: Path) -> None:
    code = ("import sys; from trakt_config.cli import main; main._parser(['token']); "
            "print(*[name for name in main.COMMANDS if 'trakt_config.cli.' + name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60)
    assert done.stdout == "token\n", done.stderr


def test_version(command: Command) -> None:
    assert command("--version").stdout == f"trakt-config {__version__}\n"
    assert command("authorize", "--version").stdout == f"trakt-config {__version__}\n"


@pytest.mark.parametrize("prefix", [">&-", "2>&-", ">&- 2>&-", ">&- 2>&- <&-", ">/dev/full"])
def test_closed_and_full_streams_do_no_harm(prefix: str, sandbox: Sandbox, config: Any,
                                            command: Command) -> None:
    path = config(issued(sandbox, 2 * WEEK))
    done = command("authorize", "config.yml", prefix=prefix)
    told = "warning: the output could not be written to stdout: No space left on device\n"
    assert (done.returncode, done.stderr) == (0, told if "full" in prefix else "")
    assert b"valid until" not in path.read_bytes()
    assert sandbox.honours_refresh(re.findall(rb"refresh_token: (\w+)", path.read_bytes())[0]
                                   .decode())


def test_in_the_c_locale_with_odd_names_and_no_home(sandbox: Sandbox, config: Any,
                                                    command: Command) -> None:
    path = config(issued(sandbox, 2 * WEEK))
    names = ["caf\u00e9 \U0001f37f.yml", "new\nline.yml", "-dash.yml", "x" * 240 + ".yml"]
    for name in names:
        (path.parent / name).write_bytes(path.read_bytes())
    odd = os.fsdecode(b"latin-\xe9.yml")
    (path.parent / odd).write_bytes(path.read_bytes())
    for name in [*names, odd]:
        sandbox.answer(Answer(400, b'{"error": "invalid_grant"}'))
        done = command("authorize", "--", name, LANG="C", LC_ALL="C", PYTHONUTF8="0",
                       PYTHONCOERCECLOCALE="0", HOME="")
        assert done.returncode == 3 and "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) == 2


def test_a_bug_is_admitted_without_a_traceback(monkeypatch: pytest.MonkeyPatch,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*arguments: object) -> None:
        raise ValueError("hid" + "den")

    monkeypatch.setattr("trakt_config.cli.authorize.ensure_authorized", broken)
    monkeypatch.setattr(main.output, "raise_on_signals", lambda: None)
    assert main.main(["authorize", "config.yml"]) == 1
    plain = capsys.readouterr().err
    assert "this is a bug (ValueError)" in plain
    assert "Traceback" not in plain and "File" not in plain and "hidden" not in plain
    assert main.main(["authorize", "-v", "config.yml"]) == 1
    verbose = capsys.readouterr().err
    assert "in broken" in verbose and "hidden" not in verbose


def test_proxies_are_bypassed_for_this_machine(sandbox: Sandbox, config: Any,
                                               command: Command) -> None:
    config(issued(sandbox, 2 * WEEK))
    dead = "http://127.0.0.1:9"
    done = command("authorize", "config.yml", HTTP_PROXY=dead, HTTPS_PROXY=dead, ALL_PROXY=dead,
                   http_proxy=dead, https_proxy=dead, all_proxy=dead)
    assert done.returncode == 0


@pytest.mark.parametrize("url", ["http://auth.example.org", "ftp://127.0.0.1", "nonsense"])
def test_a_bad_endpoint_is_refused(url: str, sandbox: Sandbox, config: Any,
                                   command: Command) -> None:
    config(issued(sandbox, 2 * WEEK))
    done = command("authorize", "config.yml", TRAKT_CONFIG_OAUTH_URL=url)
    assert done.returncode == 2 and "TRAKT_CONFIG_OAUTH_URL" in done.stderr
    assert sandbox.ledger == []
