"""Mistakes on the command line: each is named, with the usage of the right command."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from trakt_config.cli import exec as exec_command
from trakt_config.cli import main, output
from trakt_config.sandbox import Answer

COMMANDS = ", ".join(main.COMMANDS)
NO_SECRET = ("a PIN or a secret is never an argument, which others can read: it is asked for, "
             "read from stdin, or taken from the config")
UNITS = "argument --min-validity: use a number with a unit: 30s, 45m, 6h, 1h30m, 2d, 1w"
PLAIN_HYPHENS = "an option begins with two plain hyphens (--), and not with a longer dash"
EXPORTED = "access_token, token_type, expires_in, scope, created_at"

#: What was typed; the command whose usage is shown; what is said of it.
MISTAKES: list[tuple[str, str, str]] = [
    ("", "", f"a command has to follow: {COMMANDS} (trakt-config --help says what they do)"),
    ("-v", "", f"a command has to follow: {COMMANDS} (trakt-config --help says what they do)"),
    ("version", "", "there is no command version; did you mean: trakt-config --version"),
    ("-V", "", "there is no option -V"),
    ("authorise config.yml", "", "there is no command authorise; did you mean authorize?"),
    ("satus config.yml", "", "there is no command satus; did you mean status?"),
    ("logn config.yml", "", "there is no command logn; did you mean login?"),
    ("Login config.yml", "", "there is no command Login; did you mean login?"),
    ("refresh config.yml", "", "there is no command refresh; did you mean authorize?"),
    ("check config.yml", "", "there is no command check; did you mean status?"),
    ("frobnicate config.yml", "", f"there is no command frobnicate; there are {COMMANDS}"),
    ("--config s.yml authorize", "",
     "there is no option --config: the config is named without one"),
    ("help", "", "there is no command help; did you mean: trakt-config --help"),
    *((typed, "", f"a command has to come first; did you mean: trakt-config {meant}")
      for typed, meant in (
          ("config.yml", "authorize config.yml"),
          ("./config.yml -v", "authorize ./config.yml -v"),
          ("--dry-run config.yml", "authorize --dry-run config.yml"),
          ("config.yml --dry-run", "authorize config.yml --dry-run"),
          ("--online config.yml", "status --online config.yml"),
          ("config.yml --json", "status config.yml --json"),
          ("--browser config.yml", "login --browser config.yml"),
          ("config.yml status", "status config.yml"),
          ("config.yml LOGIN --pin", "login config.yml --pin"),
          ("config.yml logout", "logout config.yml"),
          ("--status config.yml", "status config.yml"),
          ("--json status config.yml", "status --json config.yml"),
          ("--dry-run authorize config.yml", "authorize --dry-run config.yml"),
          ("-- status config.yml", "status config.yml"),
          ("--min-validity 6h authorize config.yml", "authorize --min-validity 6h config.yml"),
          ("--min-validity=6h config.yml", "authorize --min-validity=6h config.yml"),
          ("--json status", "status --json"))),
    ("--pin=HIDDEN login config.yml", "", "there is no option --pin"),
    ("config.yml login HIDDEN", "", f"a command has to come first: {COMMANDS}"),
    ("--json status nope.yml", "", "there is no option --json"),
    ("-- config.yml exec -- ls", "", f"a command has to come first: {COMMANDS}"),
    ("LOGIN config.yml", "", "there is no command LOGIN; did you mean login?"),
    ("revoke config.yml", "", "there is no command revoke; did you mean logout?"),
    ("12345678", "", f"a command has to come first: {COMMANDS}"),
    ("--verison", "", "there is no option --verison; did you mean --version?"),
    ("--secret=HIDDEN", "", f"there is no option --secret: {NO_SECRET}"),
    ("authorize", " authorize", "the following arguments are required: CONFIG"),
    ("status", " status", "the following arguments are required: CONFIG"),
    ("authorize --forse config.yml", " authorize",
     "there is no option --forse; did you mean --force?"),
    ("authorize --dryrun config.yml", " authorize",
     "there is no option --dryrun; did you mean --dry-run?"),
    ("authorize --forc config.yml", " authorize",
     "there is no option --forc; did you mean --force?"),
    ("status --jsno config.yml", " status", "there is no option --jsno; did you mean --json?"),
    ("logout --lcoal config.yml", " logout", "there is no option --lcoal; did you mean --local?"),
    ("authorize -x config.yml", " authorize", "there is no option -x"),
    *((f"login {option} config.yml", " login",
       f"there is no option {option}: without one, login gives a code to enter on any device")
      for option in ("--device", "--device-code", "--code")),
    ("status -json config.yml", " status", "there is no option -j; did you mean --json?"),
    ("authorize -force config.yml", " authorize",
     "there is no option -f; did you mean --force?"),
    ("status config.yml --output json", " status",
     "there is no option --output; did you mean --json?"),
    ("status config.yml --format=json", " status",
     "there is no option --format; did you mean --json?"),
    ("status config.yml -o json", " status", "there is no option -o; did you mean --json?"),
    ("token --output json config.yml", " token", "there is no option --output"),
    *((f"login {dash}browser config.yml", " login", f"argument CONFIG: {PLAIN_HYPHENS}")
      for dash in ("\u2014", "\u2013", "\u2013\u2013")),
    ("login config.yml \u2014browser", " login", PLAIN_HYPHENS),
    ("authorize config.yml \u2014force", " authorize", f"argument CONFIG: {PLAIN_HYPHENS}"),
    ("status --on-line config.yml", " status",
     "there is no option --on-line; did you mean --online?"),
    ("token a.yml b.yml", " token", "there is an argument too many: b.yml"),
    ("logout ./a b.yml", " logout", "there is an argument too many: b.yml"),
    ("token a.yml HIDDEN", " token", f"there is an argument too many ({NO_SECRET})"),
    ("authorize --config config.yml", " authorize",
     "there is no option --config: the config is named without one"),
    ("authorize --config=config.yml", " authorize",
     "there is no option --config: the config is named without one"),
    ("authorize -x.yml", " authorize", "there is no option -x; did you mean ./-x.yml?"),
    ("authorize --min_validity 6h config.yml", " authorize",
     "there is no option --min_validity; did you mean --min-validity?"),
    ("authorize --dry_run config.yml", " authorize",
     "there is no option --dry_run; did you mean --dry-run?"),
    ("authorize --copy other.yml config.yml", " authorize",
     "there is no option --copy; did you mean --copy-to?"),
    ("authorize --json=true config.yml", " authorize", "argument --json: takes no value"),
    ("authorize config.yml --copy-to a.yml b.yml", " authorize",
     "name every CONFIG before the options; --copy-to takes one OTHER, and may be repeated"),
    ("authorize --min-validity 6hours config.yml", " authorize", UNITS),
    ("authorize --min-validity 1,5h config.yml", " authorize", UNITS),
    ("authorize --min-validity 06:00 config.yml", " authorize", UNITS),
    ("status --check config.yml", " status", "there is no option --check"),
    ("token --json config.yml", " token", "there is no option --json"),
    ("login -p1234ABCD config.yml", " login", "there is no option -p"),
    ("login --client_id=HIDDEN config.yml", " login",
     "there is no option --client_id: it stands in the config, and login asks for it, or reads it "
     "from stdin, where it does not"),
    ("login --client-id " + "0f" * 32 + " config.yml", " login",
     "there is no option --client-id: it stands in the config, and login asks for it, or reads it "
     "from stdin, where it does not"),
    ("--verbose=2 status config.yml", "", "argument --verbose: takes no value"),
    ("-q=1 status config.yml", "", "argument -q: takes no value"),
    ("status --verbose=2 config.yml", " status", "argument -v/--verbose: takes no value"),
    ("sandbox --host localhost", " sandbox", "there is no option --host"),
    ("demo extra", " demo", f"there is an argument too many ({NO_SECRET})"),
    ("status --force config.yml", " status", "there is no option --force"),
    ("authorize --json --dry-run config.yml", " authorize",
     "argument --dry-run: not allowed with argument --json"),
    ("authorize --min-validity 6 config.yml", " authorize",
     "argument --min-validity: which unit? For example 6s, 6m or 6h"),
    ("authorize --min-validity 1.5 config.yml", " authorize",
     "argument --min-validity: which unit? For example 1.5s, 1.5m or 1.5h"),
    ("authorize --min-validity 6x config.yml", " authorize", UNITS),
    ("authorize --min-validity 1h30 config.yml", " authorize", UNITS),
    ("authorize --min-validity 1h1h config.yml", " authorize", UNITS),
    ("authorize --min-validity 30m1h config.yml", " authorize", UNITS),
    ("authorize --min-validity 999999999999999w config.yml", " authorize",
     "argument --min-validity: ten years is the longest"),
    ("authorize -- config.yml --dry-run", " authorize",
     "argument CONFIG: --dry-run is behind --, where only paths are"),
    ("token -- --pin=HIDDEN", " token",
     "argument CONFIG: --pin is behind --, where only paths are"),
    ("authorize --min-validity . config.yml", " authorize", UNITS),
    ("authorize --min-validity config.yml", " authorize", UNITS),
    ("authorize --min-validity -1h config.yml", " authorize",
     "argument --min-validity: a time cannot be negative"),
    ("authorize --min-validity=-1h config.yml", " authorize",
     "argument --min-validity: a time cannot be negative"),
    ("authorize --min-validity --force config.yml", " authorize",
     "argument --min-validity: a value has to follow"),
    ("sandbox --lifetime -1h", " sandbox", "argument --lifetime: a time cannot be negative"),
    ("authorize --min-validity 11000d config.yml", " authorize",
     "argument --min-validity: ten years is the longest"),
    ("authorize ''", " authorize", "argument CONFIG: the path is empty: an unset shell variable?"),
    ("token ''", " token", "argument CONFIG: the path is empty: an unset shell variable?"),
    ("authorize --copy-to '' config.yml", " authorize",
     "argument --copy-to: the path is empty: an unset shell variable?"),
    ("authorize --copy-to", " authorize", "argument --copy-to: a value has to follow"),
    ("authorize --copy-to o.yml a.yml b.yml", " authorize",
     "--copy-to goes with one CONFIG: the one that holds the refresh token"),
    ("login config.yml 1234ABCD", " login", f"there is an argument too many ({NO_SECRET})"),
    ("login 1234ABCD", " login", f"argument CONFIG: this looks like a PIN; {NO_SECRET}"),
    ("authorize config.yml 1234ABCD", " authorize",
     f"argument CONFIG: this looks like a PIN; {NO_SECRET}"),
    ("login --pin=1234ABCD config.yml", " login", f"argument --pin: takes no value ({NO_SECRET})"),
    ("login --client-secret HIDDEN config.yml", " login",
     f"there is no option --client-secret: {NO_SECRET}"),
    ("login --browser --pin config.yml", " login",
     "argument --pin: not allowed with argument --browser"),
    ("exec config.yml", " exec", "exec needs a command after --"),
    ("exec config.yml --", " exec", "exec needs a command after --"),
    ("exec config.yml ls", " exec", "one CONFIG, then --, then COMMAND"),
    ("exec config.yml c.yml -- ls", " exec", "one CONFIG, then --, then COMMAND"),
    ("exec -- ls", " exec", "the following arguments are required: CONFIG"),
    ("exec --env A=refresh_token config.yml -- ls", " exec",
     f"argument --env: KEY is one of {EXPORTED}"),
    ("exec --env A config.yml -- ls", " exec",
     "argument --env: write it as NAME=KEY, such as TRAKT_TOKEN=access_token"),
    ("exec --env 1A=scope config.yml -- ls", " exec",
     "argument --env: NAME is a word of letters, digits and underscores"),
    ("sandbox --port 99999", " sandbox", "argument --port: use a number from 0 to 65535"),
    ("sandbox --lifetime 7", " sandbox",
     "argument --lifetime: which unit? For example 7s, 7m or 7h"),
    ("sandbox --lifetime 0", " sandbox", "argument --lifetime: use 1s or more"),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output, "raise_on_signals", lambda: None)
    (tmp_path / "config.yml").write_text("trakt:\n")
    (tmp_path / "-x.yml").write_text("trakt:\n")


@pytest.mark.parametrize("typed, command, words", MISTAKES, ids=[typed for typed, *_ in MISTAKES])
def test_a_mistake_is_named(typed: str, command: str, words: str,
                            capsys: pytest.CaptureFixture[str]) -> None:
    """Its usage, then one line; nothing that may be a secret is repeated."""
    with pytest.raises(SystemExit) as ended:
        main.main([word.strip("'") for word in typed.split()])
    said = capsys.readouterr()
    *usage, line = said.err.splitlines()
    assert (ended.value.code, said.out) == (2, "")
    assert usage[0].startswith(f"usage: trakt-config{command} [")
    assert line == f"trakt-config{command}: {words}"
    assert "1234ABCD" not in said.err and "HIDDEN" not in said.err and "12345678" not in said.err


def test_a_file_whose_name_looks_like_a_pin_is_a_file(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "1234ABCD").write_text("trakt:\n")
    assert main.main(["authorize", "1234ABCD"]) == 2
    assert "1234ABCD:1:1: the trakt block is empty" in capsys.readouterr().err


def test_verbose_shows_where_requests_would_go(
        sandbox: Any, config: Any, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    """A variable that was set for the sandbox and forgotten has to be seen."""
    config(sandbox.issue_authorization())
    main.main(["-v", "authorize", "config.yml"])
    plain = capsys.readouterr().err
    assert "Trakt is https://auth.trakt.tv and https://api.trakt.tv\n" in plain
    assert "config.yml: the access token is good: there is nothing to ask Trakt for\n" in plain
    monkeypatch.setitem(os.environ, "TRAKT_CONFIG_OAUTH_URL", sandbox.url)
    main.main(["-v", "authorize", "config.yml"])
    assert (f"Trakt is {sandbox.url} and https://api.trakt.tv (set by TRAKT_CONFIG_OAUTH_URL)"
            in capsys.readouterr().err)


def test_verbose_shows_what_was_decided_and_what_came_of_each_request(
        sandbox: Any, config: Any, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in sandbox.environ.items():
        monkeypatch.setenv(name, value)
    values = sandbox.issue_authorization()
    sandbox.answer(Answer(429, headers={"Retry-After": "0"}), path="/oauth/token")
    config(values)
    assert main.main(["-v", "authorize", "--force", "config.yml"]) == 0
    said = capsys.readouterr().err
    for words in ("has the lock of the config; the access token has to be refreshed\n",
                  f"Trakt answered POST {sandbox.url}/oauth/token with 429\n", "trying again in",
                  "Trakt's answer is saved\n"):
        assert words in said
    assert values["refresh_token"][:12] not in said


def test_what_does_nothing_is_said_before_a_login_is_asked_for(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As file:line:column, by the main command too."""
    (tmp_path / "config.yml").write_text("trakt:\n  client_id: abc\n  Pin: 1234ABCD\n")
    assert main.main(["authorize", "-v", "config.yml"]) == 3
    said = capsys.readouterr().err
    assert "config.yml:3:3: trakt has a key that is not read here; is pin meant?\n" in said
    assert "there is neither a pin nor a refresh token\n" in said and "1234ABCD" not in said


@pytest.mark.parametrize("path, words", [
    ("folder", "folder: the config is a directory\n  Name the file in it.\n"),
    ("~/no.yml", "~/no.yml: the config does not exist\n  Write the home directory out: "),
    ("no.yml", "no.yml: the config does not exist\n  Check the path of the config.\n"),
    ("config.yaml", "config.yaml: the config does not exist\n  Is this meant: config.yml\n"),
    ("config.yml:3:3", "config.yml:3:3: the config does not exist\n  Is this meant: config.yml\n"),
    ("config.yml:3:3:", "config.yml:3:3:: the config does not exist\n  Is this meant: config."),
    ("'config.yml'", "'config.yml': the config does not exist\n  Is this meant: config.yml\n"),
    ("config.yml ", "config.yml : the config does not exist\n  Is this meant: config.yml\n"),
    ("-", "-: the config does not exist\n  A config is a file, which is written to: it cannot be"),
    ("*.yml", "*.yml: the config does not exist\n  Write the names out: no shell has expanded "
              "this pattern.\n"),
    ("Config.YML", "Config.YML: the config does not exist\n  Is this meant: config.yml\n"),
    ("*.json", "*.json: the config does not exist\n  No file matches this pattern.\n"),
    ("file:///config.yml", "file:///config.yml: the config does not exist\n  Give the path of a ")])
def test_paths_that_lead_nowhere(path: str, words: str, tmp_path: Path,
                                 capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folder").mkdir()
    assert main.main(["status", path]) == 2
    assert capsys.readouterr().err.startswith(words)


@pytest.mark.parametrize("command_line, hint", [
    (["FOO=1", "env"], "to set a variable, write env before it"),
    (["cd", "/"], "it is the shell's own: write sh -c and the whole command in quotes"),
    (["export", "A=1"], "it is the shell's own: write sh -c and the whole command in quotes"),
    (["python kometa.py"], "write the command and its arguments without quotes around them all"),
    (["no-such-program"], "")])
def test_what_only_a_shell_runs_is_named(command_line: list[str], hint: str,
                                         monkeypatch: pytest.MonkeyPatch,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    """exec starts a program, and no shell."""
    monkeypatch.setattr(exec_command, "_restore_signals", lambda: None)
    monkeypatch.setattr(output, "give_back_streams", lambda: None)
    assert exec_command.become(command_line, {"PATH": "/nowhere"}) == exec_command.NOT_FOUND
    said = capsys.readouterr().err
    assert said == (f"trakt-config: {command_line[0]}: No such file or directory"
                    f"{f' ({hint})' if hint else ''}\n")
