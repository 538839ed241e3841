"""No secret, nor twelve characters of one, shows anywhere but in the config and the journal.

Searched: stdout, stderr, what every logger says at DEBUG (urllib3 and http.client with its
debuglevel among them), exceptions with their attributes, causes and contexts, the command line as
others see it, and every other file of the test.
"""
from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import pytest

import trakt_config
from tests.support import injection, scenes
from tests.support.injection import CLIENT_SECRET, Fault, command, forked
from tests.support.scenes import WEEK, Scene
from trakt_config.sandbox import Answer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

PIECE = 12
FOUND = "what shows that a search finds something"


def secrets_of(made: Scene) -> set[str]:
    """All that was ever a secret of this scene."""
    known = {CLIENT_SECRET, *made.trakt.all_tokens()}
    return {secret for secret in known if len(secret) >= 8}


def shown(secrets: set[str], text: str) -> list[str]:
    """The secrets of which a piece is in the text."""
    found = []
    for secret in secrets:
        size = min(PIECE, len(secret))
        pieces = (secret[start:start + size] for start in range(len(secret) - size + 1))
        if any(piece in text for piece in pieces):
            found.append(secret)
    return found


def told_by(error: BaseException | None, seen: set[int] | None = None) -> str:
    """All that can be read off an exception, and off those behind it."""
    seen = set() if seen is None else seen
    if error is None or id(error) in seen:
        return ""
    seen.add(id(error))
    attributes = {key: value for key, value in vars(error).items() if key != "authorization"}
    kept = getattr(error, "authorization", None)  # For the host; only its repr has to be silent.
    parts = [str(error), repr(error), repr(error.args), repr(attributes), repr(kept)]
    parts += [told_by(value, seen) for value in attributes.values()
              if isinstance(value, BaseException)]
    return "\n".join([*parts, told_by(error.__cause__, seen), told_by(error.__context__, seen)])


def everything_logged() -> None:
    """Every logger at DEBUG, to stderr, and http.client's own way of printing requests."""
    import http.client
    http.client.HTTPConnection.debuglevel = 1
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s %(exc_info)s"))
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.disabled, logger.propagate = False, True
        logger.setLevel(logging.DEBUG)


ECHO = b'{"error": "%s", "error_description": "you sent %s"}'


def echo(made: Scene, code: bytes) -> Answer:
    """A server that quotes what it was sent."""
    sent = scenes.values(made)["refresh_token"].encode() + b" " + CLIENT_SECRET.encode()
    return Answer(400, ECHO % (code, sent))


def broken(made: Scene) -> None:
    """A config that cannot be parsed, in the very lines that hold the secrets."""
    made.config.write_text(made.before.decode().replace("token: ", "token: '"))


def with_client_id(text: str) -> Callable[[Scene], None]:
    def change(made: Scene) -> None:
        made.config.write_text(made.before.decode().replace(f"client_id: {injection.CLIENT_ID}",
                                                            f"client_id: {text}"))
    return change


RUNS: dict[str, Callable[[Scene], Any]] = {
    "refreshed": lambda made: None,
    "refused": lambda made: made.trakt.revoke_all(),
    "refused, and quoted": lambda made: made.trakt.answer(echo(made, b"invalid_grant")),
    "client refused, and quoted": lambda made: made.trakt.answer(echo(made, b"invalid_client")),
    "what was not sent is quoted": lambda made: made.trakt.answer(Answer(400, ECHO % (
        b"invalid_client", scenes.values(made)["access_token"].encode()))),
    "quoted as the kind of error": lambda made: made.trakt.answer(echo(made, scenes.values(made)[
        "refresh_token"].encode())),
    "failing": lambda made: made.trakt.answer(Answer(503, b"<html>"), times=2),
    "reset": lambda made: made.trakt.answer(Answer(process=True, cut="reset")),
    "redirected": lambda made: made.trakt.answer(
        Answer(302, headers={"Location": "http://127.0.0.1:9/"}), times=2),
    "half an answer": lambda made: made.trakt.answer(Answer(process=True, cut="body")),
    "not JSON": lambda made: made.trakt.answer(Answer(process=True, padding=1, gzip=True,
                                                      headers={"Content-Encoding": "br"})),
    "unreachable": lambda made: made.environ.update(TRAKT_CONFIG_OAUTH_URL="http://127.0.0.1:9"),
    "no address": lambda made: made.environ.update(TRAKT_CONFIG_OAUTH_URL="http://[::1"),
    "broken": broken,
    "not UTF-8": lambda made: made.config.write_bytes(made.before.replace(b"mal:", b"\xff:")),
    "bad client_id": with_client_id("caf\u00e9"),
    "placeholder": with_client_id("<<secret>>"),
    "an alias": with_client_id("*alias"),
}

FAULTS = {
    "record fails": Fault("write", 2, 28), "save fails": Fault("replace", 1, 5, for_good=True),
    "all writes fail": Fault("write", 2, 28, for_good=True),
    "connect fails": Fault("connect", 1, 5, for_good=True),
    "send fails": Fault("sendall", 1, 5), "receive fails": Fault("recv_into", 1, 5),
    "interrupted": Fault("recv_into", 1, "term"), "lock fails": Fault("flock", 1, 5, True),
    "a bug": Fault("fsync", 2, "bug"),
}


def assert_silent(made: Scene, secrets: set[str], text: str) -> None:
    secrets |= secrets_of(made)
    assert len(secrets) > 1
    assert shown(secrets, text) == [], text
    for path, data in made.files().items():
        if path not in ("folder/config.yml", "folder/.config.yml.trakt-journal"):
            assert shown(secrets, data.decode("latin-1")) == [], path


@pytest.mark.parametrize("options", [(), ("-v",), ("--json", "-v"), ("--dry-run",)],
                         ids=["plain", "-v", "--json", "--dry-run"])
@pytest.mark.parametrize("change", RUNS.values(), ids=RUNS.keys())
def test_the_command_shows_no_secret(change: Callable[[Scene], Any], options: tuple[str, ...],
                                     trakt: Any, tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path)
    secrets = secrets_of(made)
    change(made)
    ended = forked(command(*options, "authorize", made.config) if options == ("-v",)
                   else command("authorize", *options, made.config),
                   environ=made.environ, prepare=everything_logged)
    assert ended.status in (0, 2, 3, 4), str(ended)
    assert_silent(made, secrets, ended.out + ended.err)


@pytest.mark.parametrize("pin", [False, True], ids=["refresh", "pin"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_failing_run_shows_no_secret(fault: Fault, pin: bool, trakt: Any,
                                       tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path, pin=pin)
    secrets = secrets_of(made)
    ended = forked(command("authorize", "-v", made.config), environ=made.environ, fault=fault,
                   prepare=everything_logged)
    assert ended.status in (0, 1, 3, 4, 5, 143), str(ended)
    assert (ended.status == 1) is (fault.action == "bug")
    assert_silent(made, secrets, ended.out + ended.err)


@pytest.mark.parametrize("change", RUNS.values(), ids=RUNS.keys())
def test_an_exception_holds_no_secret(change: Callable[[Scene], Any], trakt: Any,
                                      tmp_path: Path) -> None:
    made = scenes.scene(trakt, tmp_path)
    secrets = secrets_of(made)
    change(made)

    def work() -> Any:
        import requests

        from trakt_config.authorization import authorize
        from trakt_config.authorization.run import Options
        with requests.Session() as session:
            try:
                for own in (None, session):
                    result = authorize.ensure_authorized(
                        made.config, Options(sleep=lambda seconds: None, session=own))
            except trakt_config.TraktConfigError as error:
                return told_by(error)
        return FOUND + repr(result)

    ended = forked(work, environ=made.environ)
    assert isinstance(ended.result, str), str(ended)
    assert_silent(made, secrets, ended.result + ended.out + ended.err)


def test_the_error_of_an_unsaved_answer_shows_no_secret(trakt: Any, tmp_path: Path) -> None:
    """It carries the tokens, for the host alone."""
    made = scenes.scene(trakt, tmp_path)
    secrets = secrets_of(made)

    def work() -> Any:
        try:
            trakt_config.authorize(made.config)
        except trakt_config.SaveError as error:
            assert error.authorization is not None
            return told_by(error), error.authorization.refresh_token
        return "saved", ""

    ended = forked(work, environ=made.environ, fault=Fault("replace", 1, 5, for_good=True))
    told, token = ended.result
    assert trakt.honoured() == [token] and "could not be saved" in told
    assert_silent(made, secrets, told)


def test_a_search_finds_what_is_there(trakt: Any, tmp_path: Path) -> None:
    """The tests above are worth nothing otherwise."""
    made = scenes.scene(trakt, tmp_path)
    token = scenes.values(made)["refresh_token"]
    try:
        try:
            raise ValueError(f"body: {token[5:25]}")
        except ValueError:
            raise RuntimeError("no secret here")
    except RuntimeError as error:
        assert shown(secrets_of(made), told_by(error)) == [token]

    def work() -> None:
        import requests
        requests.post(made.trakt.address() + "/oauth/token", json={"code": token})

    ended = forked(work, environ=made.environ, prepare=everything_logged)
    assert shown(secrets_of(made), ended.out + ended.err) == [token]


def test_the_command_line_holds_no_secret(trakt: Any, tmp_path: Path) -> None:
    """As any user of the machine can read it."""
    made = scenes.scene(trakt, tmp_path, age=WEEK + 60)
    secrets = secrets_of(made)
    trakt.hold_next()
    root = str(Path(trakt_config.__file__).parents[1])
    process = subprocess.Popen([sys.executable, "-m", "trakt_config", "authorize", made.config],
                               env={**made.environ, "PYTHONPATH": root}, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        trakt.wait_held()
        seen = ""
        for name in ("cmdline", "comm", "status"):
            path = Path(f"/proc/{process.pid}/{name}")
            seen += path.read_text() if path.exists() else ""
        threads = Path(f"/proc/{process.pid}/task")
        for thread in threads.iterdir() if threads.exists() else ():
            seen += (thread / "comm").read_text()
    finally:
        trakt.release()
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert_silent(made, secrets, seen + out + str(time.time()))
