"""The tour works everywhere, shows no secret, and leaves nothing behind."""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from trakt_config.authorization import authorize
from trakt_config.authorization.run import Options, Result
from trakt_config.cli import demo
from trakt_config.errors import SaveError
from trakt_config.sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox
from trakt_config.startup import replace
from trakt_config.tokens import Authorization

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "trakt_config" / "sample_config.yml"


def tour(**environ: str) -> str:
    """What the tour says in a process of its own, with nothing but `environ` around it."""
    code = "import sys; from trakt_config.cli import demo; sys.exit(demo.tour(print))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code],
                          env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], **environ},
                          cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def test_tour_tells_of_four_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    said: list[str] = []
    assert demo.tour(said.append) == 0
    text = "\n".join(said)
    for line in ("Outcome: exchanged, with 1 request for tokens.",
                 "Outcome: fresh, with 0 requests for tokens.",
                 "Outcome: refreshed, with 1 request for tokens.",
                 "Outcome: signed in, with 1 request for tokens.",
                 "the same bytes, and the same modification time"):
        assert line in text
    assert list(tmp_path.iterdir()) == []


def test_tour_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [CLIENT_ID, CLIENT_SECRET]
    real = authorize.ensure_authorized

    def noting(path: Path, options: Options) -> Result:
        result = real(path, options)
        secrets.extend([result.authorization.access_token, result.authorization.refresh_token])
        return result

    def noting_login(*arguments: Any, **options: Any) -> Authorization:
        authorization = sign_in(*arguments, **options)
        secrets.extend([authorization.access_token, authorization.refresh_token])
        return authorization

    sign_in = demo.login
    monkeypatch.setattr(demo, "login", noting_login)
    monkeypatch.setattr(authorize, "ensure_authorized", noting)
    said: list[str] = []
    demo.tour(said.append)
    assert len(set(secrets)) == 8
    text = "\n".join(said)
    assert not [secret for secret in secrets
                if any(secret[at:at + 12] in text for at in range(len(secret) - 11))]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("environ", [
    pytest.param({}, id="without HOME"),
    pytest.param({"HOME": "/nonexistent"}, id="with a HOME that is not there"),
    pytest.param({"LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, id="in LANG=C"),
    pytest.param(dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy",
                                "https_proxy", "all_proxy"), "http://127.0.0.1:9"),
                 id="behind proxies that are not there"),
    pytest.param({"TRAKT_CONFIG_OAUTH_URL": "http://127.0.0.1:9",
                  "TRAKT_CONFIG_API_URL": "http://127.0.0.1:9",
                  "TRAKT_CONFIG_STATE_DIR": "/nonexistent"}, id="with settings of its own"),
])
def test_tour_works(environ: dict[str, str]) -> None:
    """Whatever the environment, the tour ends well."""
    assert "Outcome: refreshed" in tour(**environ)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ["with blanks", "line\nbreak", "caf\u00e9 \u2603", "tab\t'\"$#"])
def test_tour_works_in_an_odd_temporary_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    assert "Outcome: refreshed" in tour(TMPDIR=str(folder))
    assert list(folder.iterdir()) == []


def test_without_a_temporary_folder_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    with pytest.raises(SaveError, match="Set TMPDIR"):
        demo.tour(lambda text: None)


def test_broken_promise_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    real = authorize.ensure_authorized
    monkeypatch.setattr(authorize, "ensure_authorized",
                        lambda path, options: real(path, replace(options, force=True)))
    said: list[str] = []
    assert demo.tour(said.append) == 1
    assert "it is a bug" in said[-1]


def test_both_samples_are_the_same() -> None:
    assert SAMPLE.read_bytes() == (ROOT / "sample_config.yml").read_bytes()


def test_sample_is_filled_in_at_three_places(tmp_path: Path, sandbox: Sandbox) -> None:
    config = tmp_path / "config.yml"
    demo._write_sample(config, sandbox)
    pairs = zip(SAMPLE.read_text("utf-8").splitlines(), config.read_text("utf-8").splitlines())
    changed = [(old.split(":")[0].strip(), new) for old, new in pairs if old != new]
    assert [key for key, _ in changed] == ["client_id", "client_secret", "pin"]
    assert sandbox.client_secret in changed[1][1]
    assert config.stat().st_mode & 0o777 == 0o600
