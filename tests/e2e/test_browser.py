"""A real browser, headless, driven by plain WebDriver: from the authorize page to the last one."""
from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support.ports import free_port
from trakt_config import document, storage
from trakt_config.errors import LoginRequired
from trakt_config.sandbox import Answer, Sandbox
from trakt_config.sign_in.methods import DeviceCode, Dialog, login
from trakt_config.tokens import Authorization

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") \
    or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER),
                                reason="needs chromium and chromedriver")

ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage", "--no-proxy-server")
#: The name under which WebDriver hands out elements (W3C WebDriver, section 12).
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
PATIENCE = 30


class Browser:
    """One window (W3C WebDriver, over HTTP to chromedriver)."""

    def __init__(self, port: int, profile: Path) -> None:
        self._port = port
        self._session = ""
        options = {"binary": CHROMIUM, "args": [*ARGUMENTS, f"--user-data-dir={profile}"]}
        answer = self._call("POST", "", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "pageLoadStrategy": "none", "goog:chromeOptions": options}}})
        self._session = f"/{answer['sessionId']}"

    def get(self, url: str) -> None:
        self._call("POST", "/url", {"url": url})

    def click(self, selector: str) -> None:
        self._call("POST", f"/element/{self._element(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        self._call("POST", f"/element/{self._element(selector)}/value", {"text": text})

    @property
    def url(self) -> str:
        return str(self._call("GET", "/url"))

    def text(self) -> str:
        return str(self._call("POST", "/execute/sync", {
            "script": "return document.body ? document.body.innerText : ''", "args": []}))

    def see(self, words: str) -> str:
        """The text of the page, once these words are on it."""
        end = time.monotonic() + PATIENCE
        while words not in (text := self.text()):
            assert time.monotonic() < end, f"no {words!r} at {self.url}: {text!r}"
            time.sleep(0.05)
        return text

    def quit(self) -> None:
        self._call("DELETE", "")

    def _element(self, selector: str) -> str:
        end = time.monotonic() + PATIENCE
        while True:
            found = self._call("POST", "/elements", {"using": "css selector", "value": selector})
            if found:
                return str(found[0][ELEMENT])
            assert time.monotonic() < end, f"no {selector} at {self.url}"
            time.sleep(0.05)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, f"/session{self._session}{path}",
                               json.dumps(body) if body is not None else None,
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            value = json.loads(answer.read())["value"]
        finally:
            connection.close()
        assert answer.status == 200, value
        return value


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all, with an empty home and profile of its own."""
    port, home = free_port(), tmp_path_factory.mktemp("chromium")
    driver = subprocess.Popen([str(CHROMEDRIVER), f"--port={port}"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL,
                              env={**os.environ, "HOME": str(home), "TMPDIR": str(home)})
    try:
        wait_for(port)
        window = Browser(port, home / "profile")
        yield window
        window.quit()
    finally:
        driver.terminate()
        driver.wait(PATIENCE)


def wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as running:
        yield running


SigningIn = Callable[[Path], "Future[Authorization]"]


@pytest.fixture
def signing_in(browser: Browser, pool: ThreadPoolExecutor,
               environ: Mapping[str, str]) -> SigningIn:
    """Begins `login --browser`; the page to sign in at opens in the browser."""
    def go_there(url: str) -> bool:
        browser.get(url)
        return True

    def start(path: Path) -> Future[Authorization]:
        return pool.submit(login, path, method="browser", environ=environ,
                           dialog=Dialog(open_browser=go_there))
    return start


def callback(port: int, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{port}/callback"


def access_token(path: Path) -> str:
    return document.parse(path.read_bytes()).authorization["access_token"].text


@pytest.mark.sampled(3)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_allow(host: str, browser: Browser, signing_in: SigningIn, sandbox: Sandbox, config: Any,
               port: int) -> None:
    """The page, Allow, the way back, the last page, the file."""
    path = config(redirect_uri=callback(port, host))
    done = signing_in(path)
    assert sandbox.client_id in browser.see("asks for access")
    browser.click("button[value=allow]")
    assert "You can close this tab" in browser.see("You are signed in")
    assert browser.url.startswith(callback(port, host))
    authorization = done.result(PATIENCE)
    assert access_token(path) == authorization.access_token
    assert sandbox.honours_access(authorization.access_token)
    assert os.listdir(path.parent) == [path.name]


def test_the_last_page_waits_for_the_file(browser: Browser, signing_in: SigningIn,
                                          sandbox: Sandbox, config: Any, port: int) -> None:
    path = config(redirect_uri=callback(port))
    with sandbox.hold() as hold:
        done = signing_in(path)
        browser.click("button[value=allow]")
        hold.wait()
        assert not done.done() and access_token(path) == ""
    browser.see("You are signed in")
    saved = access_token(path)
    assert saved == done.result(PATIENCE).access_token


def test_deny(browser: Browser, signing_in: SigningIn, sandbox: Sandbox, config: Any,
              port: int) -> None:
    path = config(redirect_uri=callback(port))
    before = path.read_bytes()
    done = signing_in(path)
    browser.click("button[value=deny]")
    assert "denied" in browser.see("You are not signed in")
    with pytest.raises(LoginRequired, match="denied"):
        done.result(PATIENCE)
    assert path.read_bytes() == before and sandbox.token_requests == []


def test_a_wrong_state(browser: Browser, signing_in: SigningIn, sandbox: Sandbox, config: Any,
                       port: int) -> None:
    """Somebody else's answer is turned away; then the true one is taken."""
    path = config(redirect_uri=callback(port))
    done = signing_in(path)
    browser.see("asks for access")
    page = browser.url
    browser.get(f"{callback(port)}?code={sandbox.issue_code(callback(port))}&state=wrong")
    browser.see("Not this sign-in")
    assert not done.done() and sandbox.token_requests == []
    browser.get(page)
    browser.click("button[value=allow]")
    browser.see("You are signed in")
    assert access_token(path) == done.result(PATIENCE).access_token


def test_what_trakt_says_is_only_text(browser: Browser, signing_in: SigningIn, sandbox: Sandbox,
                                      config: Any, port: int) -> None:
    words = "<script>document.title='taken'</script><b>bold</b>"
    sandbox.answer(Answer(400, json.dumps({"error": "invalid_grant",
                                           "error_description": words}).encode()))
    done = signing_in(config(redirect_uri=callback(port)))
    browser.click("button[value=allow]")
    assert "<b>bold</b>" in browser.see("You are not signed in")
    with pytest.raises(LoginRequired):
        done.result(PATIENCE)


def test_a_config_that_cannot_be_saved(browser: Browser, signing_in: SigningIn, config: Any,
                                       port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page does not say that all is well."""
    def broken(held: storage.Held, expected: bytes, new: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.Held, "replace", broken)
    done = signing_in(config(redirect_uri=callback(port)))
    browser.click("button[value=allow]")
    assert "could not be saved" in browser.see("You are not signed in")
    assert done.exception(PATIENCE) is not None


def test_device_page(browser: Browser, pool: ThreadPoolExecutor, config: Any,
                     environ: Mapping[str, str]) -> None:
    with Sandbox(interval=1) as quick:
        path = config()
        codes: list[DeviceCode] = []
        done = pool.submit(login, path, environ={**environ, **quick.environ},
                           dialog=Dialog(show_code=codes.append))
        while not codes:
            time.sleep(0.01)
        try:
            browser.get(codes[0].verification_url)
            browser.type("input[name=user_code]", codes[0].user_code.lower())
            browser.click("button[value=allow]")
            browser.see("The device is signed in.")
        finally:
            quick.activate(codes[0].user_code, allow=False)  # A failure ends the sign-in, too.
        authorization = done.result(PATIENCE)
        assert access_token(path) == authorization.access_token
