"""The error tree: what people read, and what callers may rely on."""
from __future__ import annotations

import ast
import copy
import errno
import pickle
import re
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Callable, get_args

import pytest
import requests

import trakt_config
from trakt_config import errors
from trakt_config.authorization import logout, plan, status
from trakt_config.authorization.run import Options
from trakt_config.errors import (
    AccountProblem,
    ClientRejected,
    ConfigError,
    LockTimeout,
    LoginRequired,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
    printable,
)
from trakt_config.oauth import answers, http_errors
from trakt_config.sandbox import Sandbox
from trakt_config.tokens import Authorization

LEAVES = (ConfigError, LoginRequired, ClientRejected, AccountProblem, TraktUnavailable,
          LockTimeout, SaveError)

AUTHORIZATION = Authorization(
    access_token="ACCESS-0123456789abcdef", token_type="bearer", expires_in=604800,
    refresh_token="REFRESH-0123456789abcdef", scope="public", created_at=1_790_000_000)


@pytest.mark.parametrize("leaf", LEAVES)
def test_everything_is_a_trakt_config_error_and_no_leaf_is_another(
        leaf: type[TraktConfigError]) -> None:
    """A handler for one kind never catches another."""
    assert leaf.__bases__ == (TraktConfigError,)


@pytest.mark.parametrize("leaf", LEAVES)
def test_the_tree_in_the_docstring_is_the_tree(leaf: type[TraktConfigError]) -> None:
    """What the module draws at its top is what it defines."""
    assert f"-- {leaf.__name__} " in (errors.__doc__ or "")


@pytest.mark.parametrize("error, text", [
    pytest.param(ConfigError("it is empty"), "it is empty", id="a message alone"),
    pytest.param(ConfigError("it is empty", hint="Fill it."), "it is empty\n  Fill it.",
                 id="the hint is on a line of its own"),
    pytest.param(ConfigError("it is empty", path="a.yml"), "a.yml: it is empty",
                 id="the path comes first"),
    pytest.param(ConfigError("it is empty", path="a.yml", line=12, column=3),
                 "a.yml:12:3: it is empty", id="file, line and column, as compilers write them"),
    pytest.param(ConfigError("it is empty", path="a.yml", line=12), "a.yml:12: it is empty",
                 id="a line without a column"),
    pytest.param(ConfigError("it is empty", line=12, column=3), "config:12:3: it is empty",
                 id="a position in a file without a name"),
    pytest.param(LoginRequired("sign in", path="a.yml", hint="Do."), "a.yml: sign in\n  Do.",
                 id="the other errors have no position"),
    pytest.param(ConfigError("no", path="a\nb\x1b[31m\udcff.yml"),
                 "a\\nb\\x1b[31m\\udcff.yml: no", id="an odd path stays on its line"),
])
def test_the_text_says_where_what_and_what_to_do(error: TraktConfigError, text: str) -> None:
    """``str()`` is what the command prints."""
    assert str(error) == text


@pytest.mark.parametrize("text, shown", [
    ("config.yml", "config.yml"),
    ("my config é 漢.yml", "my config é 漢.yml"),
    ("a\tb\r\nc", "a\\tb\\r\\nc"),
    ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
    ("\u202egpj.exe", "\\u202egpj.exe"),
    ("\u2028", "\\u2028"),
    ("\udc80", "\\udc80"),
    ("", ""),
])
def test_printable_is_one_line_without_control_characters(text: str, shown: str) -> None:
    """Nothing in a name reaches the terminal as a command."""
    assert printable(text) == shown
    assert printable(text).isprintable()


@pytest.mark.parametrize("error, attributes", [
    (ConfigError("m", hint="H", path="p", line=1, column=2),
     {"message": "m", "hint": "H", "path": "p", "line": 1, "column": 2}),
    (LoginRequired("m", reason="pin_refused"), {"reason": "pin_refused", "hint": ""}),
    (LoginRequired("m"), {"reason": "no_authorization", "path": None}),
    (TraktUnavailable("m", retry_after=5.0, outcome_unknown=True),
     {"retry_after": 5.0, "outcome_unknown": True}),
    (TraktUnavailable("m"), {"retry_after": None, "outcome_unknown": False}),
    (SaveError("m", authorization=AUTHORIZATION), {"authorization": AUTHORIZATION}),
])
@pytest.mark.parametrize("through", [
    lambda error: error,
    lambda error: pickle.loads(pickle.dumps(error)),
    copy.copy,
], ids=["itself", "pickled", "copied"])
def test_attributes_survive_the_way_out_of_a_pool_of_processes(
        error: TraktConfigError, attributes: dict[str, Any], through: Any) -> None:
    """Hosts run the library in worker processes: errors are pickled."""
    arrived = through(error)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert {name: getattr(arrived, name) for name in attributes} == attributes


@pytest.mark.parametrize("leaf, name, value, kind", [
    *((leaf, name, 3, TypeError) for leaf in LEAVES for name in ("hint", "path")),
    (ConfigError, "line", "3", TypeError), (ConfigError, "column", True, TypeError),
    (LoginRequired, "reason", "because", ValueError), (LoginRequired, "reason", None, ValueError),
    (TraktUnavailable, "retry_after", "60", TypeError),
    (TraktUnavailable, "outcome_unknown", "yes", TypeError),
    (LoginRequired, "detail", "x", ValueError), (SaveError, "authorization", {}, TypeError)])
def test_an_error_of_another_kind_of_value_is_refused_where_it_is_made(
        leaf: Any, name: str, value: object, kind: type[Exception]) -> None:
    """And not where it is shown, by a program that stands in for this one in its tests."""
    with pytest.raises(kind, match=f"^{name} has to be"):
        leaf("m", **{name: value})


def test_a_save_error_carries_the_tokens_and_does_not_show_them() -> None:
    """The one exception to the rule that errors hold no secret."""
    error = SaveError("not saved", hint="Fix it.", path="a.yml", authorization=AUTHORIZATION)
    assert error.authorization is AUTHORIZATION
    shown = f"{error} {error!r} {error.args} {vars(error)}"
    assert "ACCESS" not in shown and "REFRESH" not in shown


PUBLIC: dict[str, Callable[[Path, Mapping[str, str]], object]] = {
    "authorize": lambda path, environ: trakt_config.authorize(path, environ=environ),
    "copy_authorization":
        lambda path, environ: trakt_config.copy_authorization(path, path, environ=environ),
    "login": lambda path, environ: trakt_config.login(
        path, method="pin", environ=environ,
        dialog=trakt_config.Dialog(show_address=print, ask_pin=str)),
    "TraktAuth": lambda path, environ: trakt_config.TraktAuth(path, environ=environ)(
        requests.Request("GET", environ["TRAKT_CONFIG_API_URL"]).prepare()),
    "logout": lambda path, environ: logout.logout(path, Options(environ=environ)),
    "plan": lambda path, environ: plan.plan(path, Options(environ=environ)),
    "status": lambda path, environ: status.look(path, Options(environ=environ)),
}


@pytest.mark.parametrize("content", [
    None, b"trakt: [", b"trakt:\n  pin: \xff\n", b"trakt:\n", b"plex: {}\n",
    b"trakt:\n  client_id: x\n", b"a disk that fails"])
@pytest.mark.parametrize("name", PUBLIC)
def test_errors_name_the_config_and_keep_nothing_of_what_was_behind_them(
        name: str, content: bytes | None, tmp_path: Path, sandbox: Sandbox,
        environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception behind ours, or a frame that it came through, may hold tokens."""
    def fails(*_: object) -> bytes:
        raise OSError(errno.EIO, "secret words")

    path = tmp_path / "config.yml"
    if content is not None:
        path.write_bytes(content)
    if content == b"a disk that fails":
        monkeypatch.setattr("trakt_config.storage.files.read_all", fails)
    try:
        PUBLIC[name](path, environ)
    except TraktConfigError as error:
        assert error.path == str(path) and "secret words" not in str(error)
        assert error.__context__ is None and error.__cause__ is None
        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert frames[-1] == "reporting"
    else:
        # An app without an authorization is nothing to be sorry for, there.
        assert name in ("logout", "status") and content == b"trakt:\n  client_id: x\n"


def literal(node: ast.expr) -> str:
    """The text of a string, with `{}` for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(value) for value in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "{}"


def hints() -> Iterator[tuple[str, str]]:
    """Every hint that is written where an error is raised, and those of the two tables."""
    for path in sorted(Path(trakt_config.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.keyword) and node.arg == "hint":
                yield f"{path.parent.name}/{path.name}:{node.value.lineno}", literal(node.value)
    for name, credential in vars(answers).items():
        if isinstance(credential, answers.Credential):
            yield name, credential.advice
    for status_code, (_, advice) in answers._CLIENT_ADVICE.items():
        yield str(status_code), advice
    for names, _, advice in http_errors._CAUSES:
        yield min(names), advice


def test_no_hint_of_the_library_has_an_option_without_its_command() -> None:
    """A host shows these words to people who have typed no command."""
    for where, hint in hints():
        if "cli" not in where:
            assert not re.search(r"(?<!-)--[a-z]", re.sub(r"trakt-config [^.;]*", "", hint)), where


def test_the_reasons_are_those_of_the_docs() -> None:
    """They are a type, so that a misspelt one fails under mypy."""
    assert LoginRequired.__init__.__annotations__["reason"] == "Reason"
    reasons = get_args(errors.Reason)
    table = (Path(__file__).parents[2] / "docs" / "json.rst").read_text()
    described = table[table.index("``reason``"):table.index("``retry_after``")]
    assert len(reasons) > 5
    for reason in reasons:
        assert f'``"{reason}"``' in (LoginRequired.__doc__ or "")
        assert f"``{reason}``" in described


def test_every_hint_is_a_sentence() -> None:
    """It begins with a capital, and ends with a full stop, or with what can be copied."""
    found = {where: hint for where, hint in hints() if hint}
    assert len(found) > 80
    for where, hint in found.items():
        assert hint[0].isupper() or hint.startswith("{}"), (where, hint)
        copied = re.search(r"(\{\}|\0|https?://\S+|-- COMMAND)$", hint)
        assert copied or hint.endswith((".", "?", ".)")), (where, hint)
