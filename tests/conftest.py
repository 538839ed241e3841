"""A home of its own for every test, a sandbox Trakt, and configs that point at it."""
from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable, NamedTuple
from zlib import crc32

import pytest

from tests.support import injection
from tests.support.injection import FULL
from tests.support.left_behind import LeftBehind
from trakt_config.cli import main, output
from trakt_config.sandbox import Sandbox
from trakt_config.tokens import AUTHORIZATION_KEYS

# Under nohup and in a shell's background these are ignored, and so they would be in every process
# that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

#: Tests with so many cases are sampled by default: they run one in so many of their cases. Those
#: whose cases are processes do sooner.
LONG, SHARE = 6, 5
LONG_OF_PROCESSES, SHARE_OF_PROCESSES = 3, 8


def _stop_measuring() -> None:
    threading.settrace(None)  # type: ignore[arg-type]
    sys.settrace(None)


# What coverage measures in a forked child ends with the child, and takes three times as long.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_stop_measuring)

#: Tests that do the same many thousand times: measured, they would take longer than all others.
UNMEASURED = {"faults", "model", "test_document_properties.py", "test_proof.py"}


@pytest.fixture(autouse=True)
def measured(request: pytest.FixtureRequest) -> Iterator[None]:
    """Coverage looks away from sweeps in the full run."""
    trace = sys.gettrace()
    if FULL and UNMEASURED.intersection(request.path.parts):
        sys.settrace(None)
    yield
    sys.settrace(trace)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not FULL:
        _leave_samples(config, items)
    items[:] = _spread(items)


def _spread(items: list[pytest.Item]) -> list[pytest.Item]:
    """The tests at terminals and in browsers, which wait, evenly among those that compute."""
    folders = {name: [item for item in items if name in item.path.parts]
               for name in ("e2e", "unit")}
    spread = [((number + 0.5) / len(folder), item)
              for folder in folders.values() for number, item in enumerate(folder)]
    spread.sort(key=lambda place: place[0])
    others = [item for item in items if not {"e2e", "unit"}.intersection(item.path.parts)]
    return others + [item for _, item in spread]


def _leave_samples(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the first of a long table's cases, and of the others one in so many as `_share` says;
    in the full run, all.
    """
    cases = Counter(_table(item) for item in items)
    seen = set()
    chosen: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        share = _share(item, cases[_table(item)])
        is_first = _table(item) not in seen
        # By the name: each value of each parameter has its turn, and always the same.
        is_chosen = is_first or crc32(item.nodeid.encode()) % share == 0
        (chosen if is_chosen else left_out).append(item)
        seen.add(_table(item))
    config.hook.pytest_deselected(items=left_out)
    items[:] = chosen


def _share(item: pytest.Item, cases: int) -> int:
    """What the mark `sampled` says, or what a table of so many cases gets."""
    sampled = item.get_closest_marker("sampled")
    if sampled:
        return int(sampled.args[0])
    if {"e2e", "faults"}.intersection(item.path.parts):
        return SHARE_OF_PROCESSES if cases >= LONG_OF_PROCESSES else 1
    return SHARE if cases >= LONG else 1


def _table(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many as there are processors, since many tests wait."""
    return 2 * (os.cpu_count() or 1)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LeftBehind(config))


#: What would make a test depend on the machine that it runs on; without compiled modules every
#: process that a test starts takes half as long again.
FOREIGN_VARIABLES = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC", "XDG_CACHE_HOME",
    "XDG_STATE_HOME", "PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE",
)
FOREIGN_PREFIXES = ("TRAKT_CONFIG_", "KOMETA_", "PMM_")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home, and an environment without proxies, bundles and settings of ours."""
    for name in list(os.environ):
        foreign = name.upper() in FOREIGN_VARIABLES or name.upper().startswith(FOREIGN_PREFIXES)
        if foreign and name != "TRAKT_CONFIG_FULL":
            monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def log() -> Iterator[logging.Logger]:
    """The package's logger as an application finds it, whatever a test does to it."""
    logger = logging.getLogger("trakt_config")
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox."""
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def idle_trakt() -> Iterator[Callable[[], Any]]:
    """Gives a sandbox in a process of its own: the last test's, if nothing goes on there."""
    serve = contextmanager(injection.serve)
    with ExitStack() as running:
        current: list[Any] = []

        def idle() -> Any:
            if not current or not current[-1].is_idle():
                running.close()
                current.append(running.enter_context(serve()))
            return current[-1]
        yield idle


@pytest.fixture
def trakt(idle_trakt: Callable[[], Any]) -> Any:
    """A sandbox in a process of its own, which knows of nothing yet."""
    sandbox = idle_trakt()
    sandbox.reset()
    return sandbox


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that every user may reach."""
    folder = Path(tempfile.mkdtemp())
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def environ(sandbox: Sandbox, home: Path) -> dict[str, str]:
    """A copy of the environment that sends the package to the sandbox."""
    return {**os.environ, **sandbox.environ}


class Done(NamedTuple):
    """What a command said, and its exit status."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command(environ: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
            capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs the command on `config.yml`, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output, "raise_on_signals", lambda: None)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Done:
        logging.getLogger("trakt_config").handlers.clear()
        capsys.readouterr()
        return Done(main.main([*arguments, "config.yml"]), *capsys.readouterr())
    return run


@pytest.fixture
def config(tmp_path: Path, sandbox: Sandbox) -> Callable[..., Path]:
    """Writes a small config for the sandbox into `tmp_path` and returns its path."""
    def write(authorization: Mapping[str, Any] | None = None, *, pin: str = "",
              redirect_uri: str = "", name: str = "config.yml", more: str = "") -> Path:
        path = tmp_path / name
        text = config_text(sandbox, authorization or {}, pin=pin, redirect_uri=redirect_uri)
        path.write_text(text.replace("  pin:", f"{more}  pin:"), encoding="utf-8")
        return path
    return write


def config_text(sandbox: Sandbox, authorization: Mapping[str, Any], *, pin: str = "",
                redirect_uri: str = "") -> str:
    """A config whose `trakt` block stands between others, with comments and a decoy."""
    address = f"  redirect_uri: {redirect_uri}\n" if redirect_uri else ""
    values = "".join(f"    {key}: {authorization.get(key, '')}".rstrip() + "\n"
                     for key in AUTHORIZATION_KEYS)
    return (f"libraries:\n  Movies:      # the big one\n    collection_files:\n"
            f"    - default: trakt\n"
            f"trakt:\n  client_id: {sandbox.client_id}\n"
            f"  client_secret: {sandbox.client_secret}\n{address}"
            f"  pin: {pin}".rstrip() + "\n"
            f"  authorization:\n    # written by trakt-config\n{values}"
            f"mal:\n  client_id:\n  authorization:\n    access_token:\n    refresh_token:\n")
