"""`trakt-config login` at a terminal, and without one: questions, the code, Ctrl-C, statuses."""
from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support.children import INTERRUPTIBLE
from tests.support.ports import free_port
from trakt_config import document, storage
from trakt_config.authorization.run import Options
from trakt_config.cli import main, output, pasted, terminal
from trakt_config.sandbox import Answer, Sandbox
from trakt_config.sign_in import registration
from trakt_config.storage import surroundings

pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

ROOT = Path(__file__).parents[2]
DEVICE_CODE = "/oauth/device/code"
ERASED = "\r\x1b[K"
#: A person's patience, in seconds; the machine may be busy.
PATIENCE = 30


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(interval=1) as running:
        yield running


class Screen:
    """A command on a terminal of its own; `text` is all that has appeared there."""

    def __init__(self, arguments: list[str], environ: Mapping[str, str]) -> None:
        self.fd, self.terminal = pty.openpty()
        self.text = ""
        self._seen = 0
        # The first terminal that the leader of a new session opens is the one that Ctrl-C is for.
        self.process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" <>"$0" >&0 2>&0', os.ttyname(self.terminal),
             *command(*arguments)],
            env=environ, start_new_session=True, stdin=subprocess.DEVNULL)

    def expect(self, pattern: str) -> re.Match[str]:
        """Wait until this appears, after what was waited for before."""
        end = time.monotonic() + PATIENCE
        while True:
            found = re.search(pattern, self.text[self._seen:])
            if found:
                self._seen += found.end()
                return found
            if not self._read(end - time.monotonic()):
                raise AssertionError(f"no {pattern!r} in {self.text!r}")

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode("utf-8"))

    def end(self) -> int:
        """Read until it has ended; its status."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            self._read(0.05)
            assert time.monotonic() < end, self.text
        while self._read(0):
            pass
        return self.process.returncode

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.fd)
        os.close(self.terminal)

    def _read(self, timeout: float) -> bool:
        if not select.select([self.fd], [], [], max(0, timeout))[0]:
            return False
        self.text += os.read(self.fd, 65536).decode("utf-8", "replace")
        return True


def command(*arguments: str) -> list[str]:
    return [*INTERRUPTIBLE, "-m", "trakt_config", *arguments]


Start = Callable[..., Screen]


@pytest.fixture
def child_environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "PYTHONUTF8": "1",
            "NO_COLOR": "1"}


@pytest.fixture
def screen(child_environ: dict[str, str]) -> Iterator[Start]:
    screens: list[Screen] = []

    def start(*arguments: object, **more: str) -> Screen:
        screens.append(Screen([str(argument) for argument in arguments],
                              {**child_environ, **more}))
        return screens[-1]

    yield start
    for started in screens:
        started.close()


@pytest.fixture
def run(child_environ: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command without a terminal: in a session of its own, with pipes."""
    def start(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(*(str(argument) for argument in arguments)), input=stdin,
                              env=child_environ, start_new_session=True, capture_output=True,
                              text=True, timeout=PATIENCE)
    return start


@pytest.fixture
def approved(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever code is asked for, somebody has entered it already."""
    issue = sandbox._issuer.issue_device

    def issue_approved() -> Any:
        device = issue()
        device.allowed = True
        return device

    monkeypatch.setattr(sandbox._issuer, "issue_device", issue_approved)


def access_token(config: Path) -> str:
    return document.parse(config.read_bytes()).authorization["access_token"].text


# At a terminal


def test_the_code_and_a_countdown(sandbox: Sandbox, config: Any, screen: Start) -> None:
    path = config()
    shown = screen("login", path)
    shown.expect("open this page on any device")
    shown.expect(re.escape(f"{sandbox.url}/activate"))
    code = shown.expect(r"\s([0-9A-F]{8})\s")[1]
    shown.expect(r"valid until \d{4}-\d\d-\d\d \d\d:\d\d \S+ \(10 minutes\)")
    shown.expect(r"Waiting for you at Trakt, 9:5\d left\r")
    shown.expect(r"Waiting for you at Trakt, 9:5\d left\r")
    sandbox.activate(code)
    shown.expect(re.escape(f"{ERASED}{path}: signed in, valid until "))
    assert shown.end() == 0
    assert shown.text.count(code) == 2 and f"{sandbox.url}/activate/{code}" in shown.text
    assert "The account is sandbox." in shown.text
    assert sandbox.honours_access(access_token(path))
    assert os.listdir(path.parent) == [path.name]


def test_client_id_and_secret_are_asked_for(sandbox: Sandbox, tmp_path: Path, screen: Start,
                                            approved: None) -> None:
    path = tmp_path / "config.yml"
    path.write_text("plex:\n  url: http://plex   # here\n")
    shown = screen("login", path)
    shown.expect("has no client_id yet")
    shown.expect("https://developer.trakt.tv/apps/new")
    shown.expect("Client ID: ")
    assert shown.echoes()
    shown.type(f"{sandbox.client_id}\n")
    shown.expect("not shown")
    shown.type(f"{sandbox.client_secret}\n")
    shown.expect("signed in")
    assert (shown.end(), shown.echoes()) == (0, True)
    assert sandbox.client_secret not in shown.text
    text = path.read_text()
    assert text.startswith("plex:\n  url: http://plex   # here\n\ntrakt:\n"
                           f"  client_id: {sandbox.client_id}\n"
                           f"  client_secret: {sandbox.client_secret}\n")
    assert sandbox.honours_access(access_token(path))


def test_pin(sandbox: Sandbox, config: Any, screen: Start) -> None:
    path = config()
    shown = screen("login", "--pin", path)
    address = shown.expect(r"(http://\S+/oauth/authorize\?\S+)")[1]
    shown.expect("PIN, or the whole address: ")
    shown.type(f"{sandbox.sign_in(address)}\n")
    shown.expect("signed in")
    assert shown.end() == 0
    assert sandbox.honours_access(access_token(path))


def test_another_code_is_offered(sandbox: Sandbox, config: Any, screen: Start) -> None:
    soon_over = json.dumps({"device_code": "d" * 64, "user_code": "SOONOVER", "expires_in": 1,
                            "verification_url": f"{sandbox.url}/activate", "interval": 1})
    sandbox.answer(Answer(200, soon_over.encode()), times=2, path=DEVICE_CODE)
    shown = screen("login", config())
    for answer in ("y", "n"):
        shown.expect("SOONOVER")
        shown.expect(r"Get another code\? \[Y/n\] ")
        shown.type(f"{answer}\n")
    assert shown.end() == 3
    assert "The code has expired" in shown.text or "does not know this code" in shown.text


def test_a_warning_takes_the_place_of_the_countdown(sandbox: Sandbox, config: Any,
                                                    screen: Start) -> None:
    sandbox.answer(Answer(503), path="/oauth/device/token")
    shown = screen("login", config())
    shown.expect(r"left\rwarning: .*Trakt failed \(503\); asking again")
    code = re.search(r"\s([0-9A-F]{8})\s", shown.text)
    assert code is not None
    sandbox.activate(code[1])
    assert shown.end() == 0


@pytest.mark.parametrize("variables, has_qr", [
    pytest.param({}, True, id="utf-8"),
    pytest.param({"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, False,
                 id="ascii"),
])
@pytest.mark.skipif(importlib.util.find_spec("segno") is None, reason="needs the extra qr")
def test_qr_code(variables: dict[str, str], has_qr: bool, config: Any, screen: Start,
                 approved: None) -> None:
    shown = screen("login", config(), **variables)
    assert shown.end() == 0
    assert ("\u2588\u2588\u2588" in shown.text) is has_qr


def test_a_dumb_terminal_has_no_countdown(config: Any, screen: Start, approved: None) -> None:
    shown = screen("login", config(), TERM="dumb")
    assert shown.end() == 0
    assert "left" not in shown.text and "\x1b" not in shown.text


# Interruptions


@pytest.mark.parametrize("no_color", ["", "1"])
def test_marks_and_colours_are_for_those_who_want_them(no_color: str, config: Any,
                                                       screen: Start) -> None:
    """An empty NO_COLOR is none; see no-color.org."""
    shown = screen("authorize", config(), NO_COLOR=no_color)
    shown.end()
    assert ("\x1b[31m\u2717\x1b[0m " in shown.text) == (not no_color)


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_while_waiting(number: int, status: int, config: Any, screen: Start) -> None:
    """The line is erased, nothing was changed, and nothing is left behind."""
    path = config()
    before = path.read_bytes()
    shown = screen("login", path)
    shown.expect("left\r")
    if number == signal.SIGINT:
        shown.type("\x03")
    else:
        shown.process.send_signal(number)
    assert shown.end() == status
    assert "Traceback" not in shown.text
    assert shown.text.rstrip("\r\n").endswith("\x1b[K")
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("question", ["Client ID: ", "not shown"])
def test_interrupted_at_a_question(question: str, tmp_path: Path, screen: Start) -> None:
    """The terminal echoes again, and the config is not even made."""
    path = tmp_path / "config.yml"
    shown = screen("login", "--create", path)
    if question != "Client ID: ":
        shown.expect("Client ID: ")
        shown.type("an-id\n")
    shown.expect(question)
    shown.type("\x03")
    assert (shown.end(), shown.echoes()) == (130, True)
    assert "Traceback" not in shown.text and shown.text.endswith("\n")
    assert not path.exists()


@pytest.mark.parametrize("option, wait", [(["--pin"], "whole address: "), ([], "left\r")])
def test_interrupted_once_the_client_is_written(option: list[str], wait: str, tmp_path: Path,
                                                sandbox: Sandbox, screen: Start) -> None:
    """Trakt has taken it, so it stays, and a person hears how to go on."""
    path = tmp_path / "config.yml"
    shown = screen("login", *option, path)
    shown.expect("Client ID: ")
    shown.type(f"{sandbox.client_id}\n")
    shown.expect("not shown")
    shown.type(f"{sandbox.client_secret}\n")
    shown.expect(wait)
    shown.type("\x03")
    assert shown.end() == 130
    command = " ".join(["trakt-config login", *option, str(path)])
    words = f"keeps what you typed, and is not signed in. To go on: {command}"
    assert words in shown.text and sandbox.client_secret in path.read_text()


def test_interrupted_at_the_pin(config: Any, screen: Start, sandbox: Sandbox) -> None:
    shown = screen("login", "--pin", config())
    shown.expect("whole address: ")
    shown.type("\x03")
    assert shown.end() == 130
    assert "Traceback" not in shown.text and sandbox.token_requests == []


def test_interrupted_in_a_request_the_tokens_are_saved(sandbox: Sandbox, config: Any,
                                                       screen: Start, approved: None) -> None:
    path = config()
    with sandbox.hold("/oauth/device/token") as hold:
        shown = screen("login", path)
        hold.wait()
        shown.type("\x03")
        shown.expect("waiting for Trakt's answer")
    assert shown.end() == 130
    assert sandbox.honours_access(access_token(path))
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("step, when", [("record", "after"), ("replace", "before"),
                                        ("replace", "after"), ("discard_journal", "before")])
def test_killed_once_trakt_has_answered(step: str, when: str, sandbox: Sandbox, config: Any,
                                        approved: None, run: Any,
                                        child_environ: dict[str, str]) -> None:
    """kill -9 loses nothing: the next run finishes what was begun, without asking Trakt."""
    path = config()
    code = f"""if True:
        import os, signal, sys
        from trakt_config import storage
        from trakt_config.cli import main
        real = storage.Held.{step}
        def killed(held, *rest):
            answered = held._journal.is_pending or "{step}" == "record"
            if "{when}" == "after" or not answered:
                real(held, *rest)
            if answered:
                os.kill(os.getpid(), signal.SIGKILL)
        storage.Held.{step} = killed
        main.main(["login", {str(path)!r}])
    """
    killed = subprocess.run([sys.executable, "-c", code], env=child_environ,
                            capture_output=True, timeout=PATIENCE)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    asked = len(sandbox.ledger)
    assert sandbox.ledger[-1].issued
    done = run("authorize", path)
    assert (done.returncode, len(sandbox.ledger)) == (0, asked), done.stderr
    assert sandbox.honours_access(access_token(path))
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("typed, words", [("", "none was given"),
                                          ("an-id\n", "the input ended before the client_secret")])
def test_end_of_input_at_a_question(typed: str, words: str, tmp_path: Path, sandbox: Sandbox,
                                    screen: Start) -> None:
    """It is no empty answer: nothing is asked of Trakt, and the config is not even made."""
    shown = screen("login", "--create", tmp_path / "config.yml")
    shown.expect("Client ID: ")
    if typed:
        shown.type(typed)
        shown.expect("not shown")
    shown.type("\x04")
    assert shown.end() == 2
    assert words in shown.text and "at a terminal" not in shown.text
    assert (os.listdir(tmp_path), sandbox.ledger) == ([], [])


# Without a terminal


@pytest.mark.parametrize("quiet", [False, True])
def test_without_a_terminal(quiet: bool, sandbox: Sandbox, config: Any, approved: None,
                            run: Any) -> None:
    """As `docker logs` shows it: each thing once, no countdown, no escape sequences."""
    path = config()
    path.chmod(0o600)
    done = run("login", path, *["-q"] * quiet)
    assert (done.returncode, done.stderr) == (0, "")
    plain, filled_in = re.findall(rf"{sandbox.url}/activate\S*", done.stdout)
    code, again = re.findall(r"\b[0-9A-F]{8}\b", done.stdout)
    assert (filled_in, again) == (f"{plain}/{code}", code)
    assert "\r" not in done.stdout and "\x1b" not in done.stdout and "left" not in done.stdout
    assert ("signed in" in done.stdout) is not quiet


def test_a_denied_sign_in(sandbox: Sandbox, config: Any, run: Any) -> None:
    sandbox.answer(Answer(418), path="/oauth/device/token")
    done = run("login", config())
    assert done.returncode == 3
    assert "access was denied at Trakt" in done.stderr and "Get another" not in done.stderr


@pytest.mark.parametrize("words", [["--other-account"], ["--pin"], ["--pin", "--other-account"]])
def test_what_is_advised_after_a_denial_is_the_same_way_again(words: list[str], sandbox: Sandbox,
                                                              config: Any, run: Any) -> None:
    """Without --other-account it would sign in the account that is to be avoided."""
    sandbox.answer(Answer(418), path="/oauth/device/token")
    path = config()
    done = run("login", *words, path, stdin="https://localhost/?error=access_denied\n")
    again = " ".join(["trakt-config login", *words, str(path)])
    assert done.stderr.splitlines()[-1] == f"  Sign in again, with: {again}"


@pytest.mark.parametrize("secret", [True, False])
def test_client_from_stdin(secret: bool, sandbox: Sandbox, tmp_path: Path, approved: None,
                           run: Any) -> None:
    """One a line, the id first; newer apps have no secret."""
    path = tmp_path / "config.yml"
    path.write_text("trakt:\n  client_id:    # mine\n")
    done = run("login", path, stdin=f"{sandbox.client_id}\n"
                                    f"{sandbox.client_secret if secret else ''}\n")
    assert done.returncode == 0, done.stderr
    assert "Client" not in done.stderr and sandbox.client_secret not in done.stdout + done.stderr
    assert f"  client_id: {sandbox.client_id}   # mine\n" in path.read_text()
    assert (sandbox.client_secret in path.read_text()) is secret
    assert sandbox.honours_access(access_token(path))


def test_what_is_there_is_not_asked_for(sandbox: Sandbox, tmp_path: Path, approved: None,
                                        run: Any) -> None:
    """A secret without an id: only the id is read, and the secret stays."""
    path = tmp_path / "config.yml"
    path.write_text(f"trakt:\n  client_secret: {sandbox.client_secret}\n")
    done = run("login", path, stdin=f"{sandbox.client_id}\nanother-secret\n")
    assert done.returncode == 0, done.stderr
    assert sandbox.client_secret in path.read_text() and "another" not in path.read_text()


def test_pin_from_stdin(sandbox: Sandbox, config: Any, child_environ: dict[str, str]) -> None:
    path = config(redirect_uri="https://example.org/callback")
    with subprocess.Popen(command("login", "--pin", str(path)), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, env=child_environ, text=True) as process:
        assert process.stdin and process.stdout
        for line in process.stdout:
            if "/oauth/authorize?" in line:
                break
        process.stdin.write(sandbox.sign_in(line.strip()) + "\n")
        process.stdin.close()
        process.stdout.read()
    assert process.returncode == 0
    assert sandbox.honours_access(access_token(path))


@pytest.mark.parametrize("stdin, words", [
    ("", "none was given"), ("\n\n", "none was given"),
    ("an id\nsecret\n", "client_id: character 3 is a space"),
    ("id\ns\u00e9cret\n", "client_secret: character 2 is not printable ASCII"),
])
def test_no_usable_client(stdin: str, words: str, tmp_path: Path, run: Any) -> None:
    path = tmp_path / "config.yml"
    path.write_text("a: 1\n")
    done = run("login", path, stdin=stdin)
    assert done.returncode == 2 and words in done.stderr
    assert "cret\n" not in done.stderr
    assert path.read_text() == "a: 1\n"


# Making a config


def test_create(sandbox: Sandbox, tmp_path: Path, approved: None, run: Any) -> None:
    path = tmp_path / "config.yml"
    done = run("login", "--create", path, stdin=f"{sandbox.client_id}\n\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("trakt:\n  client_id: ")
    assert sandbox.honours_access(access_token(path))
    assert os.listdir(tmp_path) == [path.name]


def test_create_leaves_a_config_that_is_there(sandbox: Sandbox, config: Any, approved: None,
                                              run: Any) -> None:
    path = config()
    assert run("login", "--create", path).returncode == 0
    assert path.read_text().startswith("libraries:\n")


@pytest.mark.parametrize("text, status, words", [
    ("trakt:\nclient_id: abc\n", 2, "config.yml:2:1: client_id is beside trakt, not in it\n"),
    ("trakt:\n  client_id: abc\n  client_secret: d\n  authorisation:\n    scope: x\n", 2,
     "config.yml:4:3: trakt has a key that is not read here; is authorization meant?\n  Write"),
    ("trakt:\n  client_id: abc\n  secret: d\n", 2,
     "config.yml:3:3: trakt has a key that is not read here; is client_secret meant?\n  Write"),
    ("trakt:\n  id: abc\n  secret: d\n", 2, "config.yml:2:3: trakt has no client_id: is this key"),
    ("trakt:\n  client_id: enter_client_id\n", 2, "config.yml:2:14: trakt.client_id is not fil"),
    ("a: 1\n", 0, "chmod 600 ")])
def test_what_is_seen_before_the_first_question(text: str, status: int, words: str,
                                                sandbox: Sandbox, tmp_path: Path, approved: None,
                                                run: Any) -> None:
    """Keys that were meant for the block; others who can read the file, once a secret is in it."""
    path = tmp_path / "config.yml"
    path.write_text(text)
    path.chmod(0o644)
    done = run("login", path, stdin=f"{sandbox.client_id}\n{sandbox.client_secret}\n")
    assert done.returncode == status and words in done.stderr
    assert (path.read_text() == text) is (status != 0) is ("chmod" not in done.stderr)


def test_what_was_copied_along_is_told_before_the_code(sandbox: Sandbox, config: Any,
                                                       approved: None, run: Any) -> None:
    """Trakt refuses such a secret, and does not say why."""
    path = config()
    path.write_text(path.read_text().replace(sandbox.client_secret, f"{sandbox.client_secret},"))
    done = run("login", path)
    warning = "config.yml:7:18: trakt.client_secret ends with a comma: delete what Trakt did not"
    assert done.returncode == 3 and warning in done.stderr.splitlines()[0]


def test_a_config_that_does_not_exist(tmp_path: Path, run: Any) -> None:
    done = run("login", tmp_path / "config.yml", stdin="id\nsecret\n")
    assert done.returncode == 2
    assert "does not exist" in done.stderr and "--create" in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("options", [["--create"], []])
def test_create_in_a_folder_that_does_not_exist(options: list[str], tmp_path: Path,
                                                run: Any) -> None:
    """Nor is --create advised there."""
    done = run("login", *options, tmp_path / "no" / "config.yml", stdin="id\nsecret\n")
    assert done.returncode == 2
    assert "its folder does not exist" in done.stderr and "--create" not in done.stderr
    assert os.listdir(tmp_path) == []


# In this process


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def here(monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str], *arguments: object) -> int:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("trakt_config.cli.output.prepare", lambda: None)
    monkeypatch.setattr("trakt_config.cli.output.raise_on_signals", lambda: None)
    return main.main([str(argument) for argument in arguments])


def test_a_block_to_paste_where_the_edit_cannot_be_proved(
        tmp_path: Path, sandbox: Sandbox, typed: Any, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yml"
    path.write_text("a: |\n  a newline here would become part of this")
    before = path.read_bytes()
    typed("my-id\nmy-secret\n")
    assert here(monkeypatch, sandbox.environ, "login", path) == 2
    error = capsys.readouterr().err
    assert "trakt:\n  client_id: my-id\n" in error and "my-secret" not in error
    assert ("config.yml:1:1: a trakt block cannot be added: line 1, outside of it, would "
            "change\n  End the file with a newline: the block text would take in what is written "
            "below it. Or paste") in error
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("text, words", [
    ("null\n", "config.yml:1:1: the file holds a null or an empty text, where its keys belong\n"
     "  Delete that: a file may be empty.\n"),
    ("a: |\n  b", "config.yml:1:1: a trakt block cannot be added: line 1, outside of it, would "
     "change\n  End the file with a newline: "),
    ("trakt:\n  notes: |\n    b", "config.yml:2:3: the trakt block cannot be edited: "),
])
def test_nobody_is_asked_for_what_cannot_be_written(
        text: str, words: str, tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    """And `status` says the same, in the place of advising this `login`."""
    path = tmp_path / "config.yml"
    path.write_text(text)
    monkeypatch.setattr("trakt_config.cli.terminal.is_interactive", lambda: True)
    monkeypatch.setattr("trakt_config.cli.terminal.ask", None)
    for command in ("login", "status"):
        assert here(monkeypatch, sandbox.environ, command, path) == 2
        assert words in capsys.readouterr().err
    assert path.read_text() == text


def test_the_block_to_paste() -> None:
    """In Kometa's shape, with a placeholder where the secret goes."""
    text = registration.block("my-id", has_secret=True)
    assert text.startswith("trakt:\n  client_id: my-id\n"
                           "  client_secret: YOUR_CLIENT_SECRET\n  authorization:\n")
    assert "  client_secret:\n" in registration.block("my-id", has_secret=False)


@pytest.mark.parametrize("mode, warned", [(0o644, 1), (0o640, 0), (0o600, 0)])
def test_a_config_that_others_can_read(mode: int, warned: int, config: Any, sandbox: Sandbox,
                                       approved: None, monkeypatch: pytest.MonkeyPatch,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    path = config()
    path.chmod(mode)
    assert here(monkeypatch, sandbox.environ, "login", path) == 0
    error = capsys.readouterr().err
    assert error.count(f"chmod 600 {path} ") == warned and error.count("640") == warned
    assert path.stat().st_mode & 0o777 == mode


def test_others_who_can_read_a_folder_are_no_news(tmp_path: Path, run: Any) -> None:
    """chmod 600 would shut it to everybody."""
    tmp_path.chmod(0o755)
    done = run("login", tmp_path)
    assert done.returncode == 2
    assert "is a directory" in done.stderr and "chmod" not in done.stderr


@pytest.mark.parametrize("options", [[], ["--create"]])
def test_a_link_that_leads_nowhere(options: list[str], sandbox: Sandbox, tmp_path: Path,
                                   approved: None, run: Any) -> None:
    """It is told from a file that is missing, and what is advised helps."""
    target, link = tmp_path / "real.yml", tmp_path / "config.yml"
    link.symlink_to(target)
    typed = f"{sandbox.client_id}\n{sandbox.client_secret}\n"
    done = run("login", *options, link, stdin=typed)
    assert done.returncode == 2
    assert f"config.yml: the config is a link to {target}, which does not exist\n" in done.stderr
    assert "Make that file" in done.stderr and not target.exists()
    target.touch(0o600)
    assert run("login", link, stdin=typed).returncode == 0
    assert sandbox.honours_access(access_token(target)) and link.is_symlink()


@pytest.mark.parametrize("file_system, owner, readable", [
    ("ext4", 0, True), ("", 0, True), ("vfat", 0, False), ("cifs", 0, False), ("ext4", 1, False),
])
def test_readable_by_others(file_system: str, owner: int, readable: bool, tmp_path: Path,
                            monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where chmod would help: our own file, on a file system that keeps modes."""
    path = tmp_path / "config.yml"
    path.touch(mode=0o600)
    path.chmod(0o604)
    uid = path.stat().st_uid + owner
    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setattr(surroundings, "_file_system_of", lambda status: file_system)
    assert surroundings.readable_by_others(str(path)) is readable
    path.unlink()
    assert not surroundings.readable_by_others(str(path))


def test_the_type_of_a_file_system() -> None:
    mounts = Path("/proc/self/mountinfo")
    if not mounts.exists():
        pytest.skip("needs Linux's /proc")
    assert surroundings._file_system_of(os.stat("/proc")) == "proc"


def test_a_config_that_is_being_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody saves it between our look and our save: it is done again, on the new bytes."""
    path = tmp_path / "config.yml"
    path.write_text("a: 1\n")
    real = storage.Held.replace
    edits = iter(["a: 2\n"])

    def replace(held: storage.Held, expected: bytes, new: bytes) -> None:
        for edit in edits:
            path.write_text(edit)
            break
        real(held, expected, new)

    monkeypatch.setattr(storage.Held, "replace", replace)
    with registration.registered(path, registration.NewClient("my-id"), Options(environ={})):
        pass
    assert path.read_text().startswith("a: 2\n\ntrakt:\n  client_id: my-id\n")


@pytest.mark.parametrize("stdin", [None, io.StringIO("")])
def test_no_stdin_at_all(stdin: io.StringIO | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    assert terminal.ask("?") == terminal.ask_secret("?") == ""
    assert not terminal.is_interactive() and not terminal.agrees("?")


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stdout, stderr, seen", [
    (Tty, Tty, "stderr"), (io.StringIO, Tty, "stderr"), (Tty, io.StringIO, "stdout"),
    (io.StringIO, io.StringIO, "stderr"),
])
def test_where_questions_go(stdout: Any, stderr: Any, seen: str,
                            monkeypatch: pytest.MonkeyPatch) -> None:
    """To the person, wherever stdout or stderr is redirected to."""
    streams = {"stdin": Tty(" y \n"), "stdout": stdout(), "stderr": stderr()}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    assert terminal.agrees("Really?")
    assert [name for name in ("stdout", "stderr")
            if "Really? [Y/n] " in streams[name].getvalue()] == [seen]


@pytest.mark.parametrize("typed, agreed", [("\n", True), ("Y\n", True), ("n\n", False),
                                           ("", False), ("y", False)],
                         ids=["Return", "Y", "n", "Ctrl-D", "Ctrl-D behind a y"])
def test_what_is_a_yes(typed: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Tty(typed))
    monkeypatch.setattr(sys, "stderr", Tty())
    assert terminal.agrees("Really?") is agreed


def test_stdin_that_is_not_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused as a value, and is no bug."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9\n"), "utf-8"))
    assert terminal.ask("?") == "\ufffd"


def test_closed_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, closed)
    assert terminal.ask("?") == "" and not output.is_utf8_terminal(sys.stdout)
    terminal.countdown(5)


def test_the_parser_is_cheap() -> None:
    code = ("import sys; from trakt_config.cli import login; "
            "print([name for name in ('requests', 'urllib3', 'http.server', 'webbrowser', "
            "'trakt_config.sign_in.methods') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=PATIENCE)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("arguments", [
    ["login"], ["login", "a", "b"], ["login", "--pin", "--browser", "a"],
    ["login", "--client-secret", "s", "a"], ["login", "--pin", "1234", "a"],
])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str],
               monkeypatch: pytest.MonkeyPatch) -> None:
    """One config; no option takes a secret."""
    with pytest.raises(SystemExit) as caught:
        here(monkeypatch, {}, *arguments)
    assert caught.value.code == 2


# What Trakt refuses


def refused(sandbox: Sandbox) -> list[int | None]:
    return [request.status for request in sandbox.ledger if request.path == DEVICE_CODE]


def test_a_wrong_id_is_asked_for_again(sandbox: Sandbox, tmp_path: Path, screen: Start,
                                       approved: None) -> None:
    path = tmp_path / "config.yml"
    shown = screen("login", path)
    shown.expect("config.yml does not exist yet; it will be created")
    shown.expect(r"redirect URIs, one a line:\s+urn:ietf:wg:oauth:2.0:oob\s+http://127.0.0.1:8765/cal")
    shown.expect("Client ID: ")
    shown.type("\n")
    for client_id in ("swapped", f' "client_id: {sandbox.client_id}" '):
        assert not path.exists()
        shown.expect("Client ID: ")
        shown.type(f"{client_id}\n")
        shown.expect("Kometa cannot use an app that has no client_secret")
        shown.expect("not shown")
        shown.type(f"'{sandbox.client_secret}',\n")
    shown.expect("The account is sandbox")
    assert shown.end() == 0 and refused(sandbox) == [400, 200]
    assert sandbox.honours_access(access_token(path))
    assert "swapped" not in path.read_text() and shown.text.count("does not exist yet") == 1
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("before, method", [
    (None, []), (None, ["--browser"]), ("", ["--pin"]), ("trakt:\n  client_id:\n", []),
    ("trakt:\r\n  client_id: ''  # c\r\n\r\nb: 2\r\n", ["--browser"]),
])
def test_a_refused_id_leaves_the_bytes(before: str | None, method: list[str],
                                       tmp_path: Path, run: Any, sandbox: Sandbox) -> None:
    path = tmp_path / "config.yml"
    if before is not None:
        path.write_bytes(before.encode())
    done = run("login", "--create", *method, path, stdin="another-id\nanother-secret\n")
    assert done.returncode == 3 and "Nothing was written" in done.stderr
    assert "another-secret" not in done.stderr + done.stdout
    assert os.listdir(tmp_path) == ([] if before is None else [path.name])
    if before is not None:
        assert path.read_bytes() == before.encode()


@pytest.mark.parametrize("before", [None, b"a: 1 # here", b"trakt:\n  client_id: # mine\n",
                                    b"trakt: {client_id: }"])
def test_a_refused_secret_leaves_the_bytes(before: bytes | None, tmp_path: Path, run: Any,
                                           sandbox: Sandbox, approved: None) -> None:
    """It shows when the person has approved, at the request for the tokens."""
    path = tmp_path / "config.yml"
    if before is not None:
        path.write_bytes(before)
        path.chmod(0o640)
    done = run("login", "--create", path, stdin=f"{sandbox.client_id}\nwrong-secret\n")
    assert done.returncode == 3 and "Nothing was written" in done.stderr
    assert os.listdir(tmp_path) == ([] if before is None else [path.name])
    if before is not None:
        assert path.read_bytes() == before and path.stat().st_mode & 0o777 == 0o640


def test_what_was_edited_meanwhile_is_not_taken_back(tmp_path: Path, screen: Start,
                                                     sandbox: Sandbox) -> None:
    path = tmp_path / "config.yml"
    shown = screen("login", path)
    shown.expect("Client ID: ")
    shown.type(f"{sandbox.client_id}\n")
    shown.expect("not shown")
    shown.type("wrong-secret\n")
    code = shown.expect(r"\s([0-9A-F]{8})\s")[1]
    path.write_bytes(path.read_bytes() + b"mine: 1\n")
    edited = path.read_bytes()
    sandbox.activate(code)
    shown.expect("what Trakt refused is still in it")
    assert shown.end() == 3 and path.read_bytes() == edited


def test_a_wrong_pin_is_asked_for_again(sandbox: Sandbox, config: Any, screen: Start) -> None:
    """An address of another kind is refused before it is sent."""
    path = config()
    shown = screen("login", "--pin", path)
    address = shown.expect(r"(http://\S+/oauth/authorize\?\S+)")[1]
    shown.expect("PIN, or the whole address: ")
    shown.type("https://trakt.tv/activate\n")
    shown.expect("has no code")
    shown.expect("PIN, or the whole address: ")
    assert sandbox.token_requests == []
    shown.type("\n")
    shown.expect("PIN, or the whole address: ")
    shown.type("DEADBEEF\n")
    shown.expect("Trakt refused the code.*Get another one")
    shown.expect("PIN, or the whole address: ")
    shown.type(f"pin: {sandbox.sign_in(address)}\n")
    shown.expect("signed in")
    assert shown.end() == 0
    assert sandbox.honours_access(access_token(path))


def test_pins_are_asked_for_three_times(config: Any, screen: Start) -> None:
    shown = screen("login", "--pin", config())
    for _ in range(3):
        shown.expect("PIN, or the whole address: ")
        shown.type("a b\n")
    assert shown.end() == 3


def test_enter_opens_the_page_with_the_code(sandbox: Sandbox, config: Any, screen: Start,
                                            tmp_path_factory: pytest.TempPathFactory) -> None:
    """By a page of ours: the code is not in the browser's arguments."""
    browser = tmp_path_factory.mktemp("browser") / "browser"
    browser.write_text('#!/bin/sh\ncp "${1#file://}" "$0.page"; echo "$@" > "$0.arguments"\n')
    browser.chmod(0o755)
    shown = screen("login", config(), BROWSER=f"{browser} %s")
    code = shown.expect(r"\s([0-9A-F]{8})\s")[1]
    shown.expect("Press Enter to open it")
    shown.type("\n")
    arguments = Path(f"{browser}.arguments")
    end = time.monotonic() + PATIENCE
    while not arguments.exists() or not arguments.read_text():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert code not in arguments.read_text()
    assert f"{sandbox.url}/activate/{code}" in Path(f"{browser}.page").read_text()
    sandbox.activate(code)
    assert shown.end() == 0


@pytest.mark.parametrize("method", ["--browser", "--pin"])
def test_another_account(method: str, config: Any, screen: Start) -> None:
    path = config(redirect_uri=f"http://127.0.0.1:{free_port()}/callback")
    shown = screen("login", method, "--other-account", path)
    shown.expect(r"/oauth/authorize\?\S+&prompt=login\s")


def test_another_account_with_a_code(config: Any, screen: Start) -> None:
    """Trakt cannot be told to ask there, so the person is told what to do."""
    shown = screen("login", "--other-account", config())
    shown.expect("Sign out of Trakt in that browser first")


def test_the_browser_on_a_new_config(sandbox: Sandbox, tmp_path: Path, screen: Start) -> None:
    """It gets the redirect_uri that it needs, and goes on with it."""
    path = tmp_path / "config.yml"
    shown = screen("login", "--browser", path)
    shown.expect("http://127.0.0.1:8765/callback")
    shown.expect("Client ID: ")
    shown.type(f"{sandbox.client_id}\n")
    shown.expect("not shown")
    shown.type(f"{sandbox.client_secret}\n")
    found = shown.expect(r"(/oauth/authorize\?\S+)|cannot listen on port 8765")
    assert found[1] is None or "127.0.0.1%3A8765" in found[1]
    assert "  redirect_uri: http://127.0.0.1:8765/callback\n" in path.read_text()


@pytest.mark.parametrize("redirect_uri, shown_first", [
    ("http://localhost:9876/cb", r"one a line:\s+urn:\S+\s+http://localhost:9876/cb\s"),
    ("urn:ietf:wg:oauth:2.0:oob", r"In line 3, change it to `redirect_uri: http://127.0.0.1:8765")])
def test_the_browser_on_a_config_with_a_redirect_uri(redirect_uri: str, shown_first: str,
                                                     tmp_path: Path, screen: Start) -> None:
    """It stays; whoever cannot use it is told before anything is asked."""
    path = tmp_path / "config.yml"
    path.write_text(f"trakt:\n  client_id:\n  redirect_uri: {redirect_uri}\n")
    shown = screen("login", "--browser", path)
    shown.expect(shown_first)
    assert "Client ID: " not in shown.text or "localhost" in redirect_uri


@pytest.mark.parametrize("name, text, value", [
    ("client_id", "  abc \n", "abc"), ("client_id", "client_id: abc", "abc"),
    ("client_id", "Client ID: abc", "abc"), ("client_id", '"client_id": "abc",', "abc"),
    ("client_id", "CLIENT_ID='abc'", "abc"), ("client_secret", "client_secret: 'abc'", "abc"),
    ("client_secret", "\u201cabc\u201d", "abc"), ("pin", "PIN: 1234", "1234"),
    ("pin", "PIN: 123 4567", "1234567"), ("pin", "code=1234", "1234"),
    ("pin", "not now", "not now"),
    ("pin", "http://h/c?code=1:2", "http://h/c?code=1:2"), ("client_id", "a b", "a b"),
    ("client_id", "", ""), ("client_id", "'", ""), ("client_id", "idclient", "idclient"),
])
def test_what_is_pasted_with_a_value(name: str, text: str, value: str) -> None:
    assert pasted.without_wrapping(text, name) == value
