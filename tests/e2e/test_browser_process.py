"""`trakt-config login --browser` as a process: how it ends, and what other users learn of it."""
from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, Callable
from urllib.parse import urlsplit

import pytest

from tests.support import children, mounts
from tests.support.ports import free_port
from trakt_config import document
from trakt_config.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
PATIENCE = 30

#: Notes its arguments, as every user of a machine can read them, and stays open for a while.
BROWSER = """#!/bin/sh
printf '%s\\n' "$@" > "$0.arguments.new"
mv "$0.arguments.new" "$0.arguments"
"""


class Login:
    """The command, with what it has said so far."""

    def __init__(self, config: Path, environ: dict[str, str], browser: Path) -> None:
        self.browser = browser
        self.process = subprocess.Popen(
            [*children.INTERRUPTIBLE, "-m", "trakt_config", "login", "--browser", str(config)],
            env={**environ, "PYTHONPATH": str(ROOT), "BROWSER": f"{browser} %s"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def address(self) -> str:
        """The address that is shown to the person."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "/oauth/authorize?" in line:
                return line.strip()
        raise AssertionError(self.end())

    def argument(self) -> str:
        """The argument that the browser was started with."""
        noted = Path(f"{self.browser}.arguments")
        end = time.monotonic() + PATIENCE
        while not noted.exists():
            assert time.monotonic() < end, "no browser was started"
            time.sleep(0.02)
        argument, = noted.read_text().splitlines()
        return argument

    def end(self) -> tuple[int, str]:
        """Its status, and what else it said."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out + err


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def path(config: Any, port: int) -> Path:
    written: Path = config(redirect_uri=f"http://127.0.0.1:{port}/callback")
    written.chmod(0o600)
    return written


@pytest.fixture
def login(path: Path, environ: dict[str, str], tmp_path_factory: Any) -> Iterator[Login]:
    browser = tmp_path_factory.mktemp("browser") / "browser"
    browser.write_text(BROWSER)
    browser.chmod(0o755)
    with tempfile.TemporaryDirectory() as temporary:
        os.chmod(temporary, 0o755)  # As /tmp is, everybody may pass: the page guards itself.
        started = Login(path, {**environ, "TMPDIR": temporary}, browser)
        yield started
        started.process.terminate()
        try:
            started.process.communicate(timeout=PATIENCE)
        finally:
            started.process.kill()
        assert os.listdir(temporary) == []


def visit(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as page:
        return str(page.read().decode())


def page_of(argument: str) -> Path:
    return Path(urlsplit(argument).path)


def target_of(page: Path) -> str:
    """Where a browser goes that opens the page."""
    found = re.search('http-equiv="refresh" content="0; url=([^"]+)"', page.read_text())
    assert found is not None
    return unescape(found[1])


# The end


def drips(client: socket.socket, has_ended: threading.Event) -> None:
    while not has_ended.wait(0.05):
        try:
            client.sendall(b"x")
        except OSError:
            return


@pytest.mark.parametrize("request_", [
    pytest.param(b"", id="silent"),
    pytest.param(b"GET /callback?code=", id="half a request line"),
    pytest.param(b"GET /callback HTTP/1.1\r\nHost: ", id="half a header"),
    pytest.param(b"GET /callback HTTP/1.1\r\n\r\n", id="does not read its page"),
])
@pytest.mark.parametrize("dripping", [False, True])
def test_it_ends_whoever_is_connected(request_: bytes, dripping: bool, login: Login, port: int,
                                      path: Path) -> None:
    """SIGTERM ends it, with a crowd of clients that are slow, silent, or do not go away."""
    login.address()
    has_ended = threading.Event()
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    for client in clients:
        client.sendall(request_)
    drip = threading.Thread(target=drips, args=(clients[-1], has_ended))
    if dripping:
        drip.start()
    try:
        login.process.send_signal(signal.SIGTERM)
        status, said = login.end()
    finally:
        has_ended.set()
        if dripping:
            drip.join()
        for client in clients:
            client.close()
    assert status == 143 and "Traceback" not in said
    assert os.listdir(path.parent) == [path.name]


def test_it_ends_when_trakt_has_answered(login: Login, sandbox: Sandbox, port: int,
                                         path: Path) -> None:
    """SIGTERM during the exchange: the tokens are saved first, and the tab learns of the end."""
    back = sandbox.sign_in(login.address())
    pages: list[str] = []
    with sandbox.hold() as hold, socket.create_connection(("127.0.0.1", port)):
        tab = threading.Thread(target=lambda: pages.append(visit(back)))
        tab.start()
        hold.wait()
        login.process.send_signal(signal.SIGTERM)
        assert login.process.stderr is not None
        assert "waiting for Trakt's answer" in login.process.stderr.readline()
    status, _ = login.end()
    tab.join()
    assert status == 143
    assert sandbox.honours_access(access_token(path))
    assert "The sign-in was ended" in pages[0]


def access_token(path: Path) -> str:
    return document.parse(path.read_bytes()).authorization["access_token"].text


# Other users


def test_a_page_of_ours_leads_the_browser_to_trakt(login: Login, sandbox: Sandbox,
                                                   path: Path) -> None:
    shown = login.address()
    page = page_of(login.argument())
    assert target_of(page) == shown
    said = visit(sandbox.sign_in(target_of(page)))
    status, _ = login.end()
    assert status == 0 and sandbox.honours_access(access_token(path))
    assert "You are signed in" in said
    assert not page.exists() and not page.parent.exists()


def test_the_browsers_arguments_hold_nothing_that_can_be_used(login: Login, port: int,
                                                              path: Path) -> None:
    """Whoever reads them can neither answer in the person's place nor learn how."""
    shown = login.address()
    argument = login.argument()
    state = re.findall(r"[?&]state=([^&]+)", shown)[0]
    assert urlsplit(argument).scheme == "file" and "?" not in argument
    for value in re.findall("=([^&]+)", shown):
        assert value not in argument
    assert page_of(argument).stat().st_mode & 0o777 == 0o600
    assert page_of(argument).parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(urllib.error.HTTPError, match="400"):
        visit(f"http://127.0.0.1:{port}/callback?code=theirs&state={page_of(argument).name}")
    assert state not in argument and login.process.poll() is None


def test_another_user_cannot_read_the_page(login: Login) -> None:
    login.address()
    page = page_of(login.argument())

    def read(read: Callable[[], str]) -> str:
        try:
            return read()
        except PermissionError:
            return "refused"

    assert children.run(lambda: read(page.read_text), uid=mounts.NOBODY) == "refused"
    assert children.run(lambda: read(lambda: str(os.listdir(page.parent))),
                        uid=mounts.NOBODY) == "refused"
    assert target_of(page)


def test_a_temporary_folder_without_room_leaves_the_address(
        path: Path, environ: dict[str, str], sandbox: Sandbox, tmp_path_factory: Any) -> None:
    """No browser is started then, and the person goes on with the address that is shown."""
    browser = tmp_path_factory.mktemp("browser") / "browser"
    browser.write_text(BROWSER)
    browser.chmod(0o755)
    code = ("import os, sys; real = os.mkdir\n"
            "def mkdir(path, *more, **named):\n"
            "    if 'trakt_config-' in path: raise OSError(28, 'full')\n"
            "    real(path, *more, **named)\n"
            "os.mkdir = mkdir\n"
            "from trakt_config.cli.main import main; sys.exit(main(sys.argv[1:]))")
    with subprocess.Popen([sys.executable, "-c", code, "login", "--browser", str(path)],
                          env={**environ, "PYTHONPATH": str(ROOT), "BROWSER": f"{browser} %s"},
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = next(line.strip() for line in process.stdout if "/authorize?" in line)
        visit(sandbox.sign_in(address))
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert os.listdir(browser.parent) == [browser.name]
