"""What every command owes: its module, its help, its place in the docs, its errors with a path."""
from __future__ import annotations

import os
import pkgutil
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.ages import issued
from trakt_config import cli
from trakt_config.cli import main, output
from trakt_config.sandbox import Sandbox

#: Each command, in every run.
pytestmark = pytest.mark.sampled(1)

ROOT = Path(__file__).parents[3]

#: What `cli/main.py` says that a command is.
TEXTS, FUNCTIONS = ("DESCRIPTION", "EXAMPLES"), ("add_arguments", "run")


class Row(NamedTuple):
    """How a command is tried, and its exit statuses; None where it is not tried in this way."""

    words: list[str]
    missing_config: int | None
    no_authorization: int | None
    full_stdout: int | None


#: A new command needs a row, a line in README.rst that begins with it, and one in CHANGELOG.rst.
ROWS = {
    "authorize": Row(["authorize", "config.yml"], 2, 3, 0),
    "exec": Row(["exec", "config.yml", "--", "true"], 2, 3, None),  # It becomes `true`.
    "login": Row(["login", "config.yml"], 2, None, None),  # It waits for a person.
    "status": Row(["status", "config.yml"], 2, 3, 5),
    "token": Row(["token", "config.yml"], 2, 3, 5),
    "logout": Row(["logout", "--local", "config.yml"], 2, 0, 0),
    "demo": Row(["demo"], None, None, None),  # These two have no config.
    "sandbox": Row(["sandbox"], None, None, None),
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str],
        tmp_path: Path) -> Iterator[Any]:
    """Runs the words in this process, in `tmp_path`, and returns the exit status."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output, "raise_on_signals", lambda: None)
    given_up: dict[int, int] = {}
    monkeypatch.setattr(output, "_given_up", given_up)
    yield main.main
    for kept in given_up.values():
        os.close(kept)


def test_the_tables_have_all_commands() -> None:
    modules = {name for _, name, _ in pkgutil.iter_modules(cli.__path__)
               if vars(import_module(f"trakt_config.cli.{name}")).keys() & {*TEXTS, *FUNCTIONS}}
    assert modules == set(main.COMMANDS), "COMMANDS of cli/main.py, and the modules of cli/"
    assert set(ROWS) == set(main.COMMANDS), "ROWS above"


@pytest.mark.parametrize("name", main.COMMANDS)
def test_module(name: str) -> None:
    module = vars(import_module(f"trakt_config.cli.{name}"))
    lacking = [text for text in TEXTS if not isinstance(module.get(text), str)]
    lacking += [function for function in FUNCTIONS if not callable(module.get(function))]
    assert not lacking, f"trakt_config/cli/{name}.py lacks {', '.join(lacking)}"


@pytest.mark.parametrize("name", main.COMMANDS)
def test_help_has_examples(name: str, run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run([name, "--help"])
    assert ended.value.code == 0
    assert f"trakt-config {name}" in capsys.readouterr().out.partition("examples:")[2]


@pytest.mark.parametrize("name", main.COMMANDS)
def test_docs(name: str) -> None:
    """README has a term or a line to copy, CHANGELOG a mention."""
    readme, changelog = ((ROOT / doc).read_text() for doc in ("README.rst", "CHANGELOG.rst"))
    assert re.search(rf"^(``|    )trakt-config {name}\b", readme, re.MULTILINE), \
        f"no line of README.rst begins with ``trakt-config {name}"
    assert re.search(rf"``(trakt-config )?{name}\b", changelog), f"CHANGELOG.rst lacks ``{name}``"


def _tried(way: str) -> list[Any]:
    return [pytest.param(row.words, getattr(row, way), id=name) for name, row in ROWS.items()
            if getattr(row, way) is not None]


@pytest.mark.parametrize("words, status", _tried("missing_config"))
def test_a_missing_config_is_named(words: list[str], status: int, run: Any,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == status
    said = capsys.readouterr()
    assert (said.out, said.err.partition(": ")[0]) == ("", "config.yml")


@pytest.mark.parametrize("words, status", _tried("no_authorization"))
def test_a_config_without_authorization_is_named(words: list[str], status: int, run: Any,
                                                 config: Any, sandbox: Sandbox,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    config(more="  force_refresh: false\n").chmod(0o600)
    assert run(words) == status
    said = capsys.readouterr()
    assert (said.err or said.out).partition(":")[0] == "config.yml"
    assert sandbox.ledger == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("words, status", _tried("full_stdout"))
def test_output_that_cannot_be_written(words: list[str], status: int, run: Any, config: Any,
                                       sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    """It is an error where the command was run for its output alone."""
    config(issued(sandbox), more="  force_refresh: false\n").chmod(0o600)
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert run(words) == status
    said = capsys.readouterr().err
    assert said.count("could not be written to stdout") == 1
    assert said.startswith("warning: ") == (status == 0)
