"""TraktAuth: which requests get which headers, and what a refusal leads to."""
from __future__ import annotations

import copy
import logging
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable, cast

import pytest
import requests

from tests.support.ages import STILL_FRESH, WORTH_REFRESHING, issued
from tests.support.clocks import ClockAhead
from trakt_config import (
    AccountProblem,
    ConfigError,
    LockTimeout,
    LoginRequired,
    TraktAuth,
    TraktUnavailable,
    __version__,
    document,
)
from trakt_config.authorization import signature, trakt_auth
from trakt_config.authorization.run import Options
from trakt_config.sandbox import Answer, Sandbox

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.rst").read_text("utf-8")
WEEK = 604800
LIST = "/sync/watchlist"
OURS = ("authorization", "trakt-api-version", "trakt-api-key")
REFUSED = Answer(401)

#: The example of the README, word for word.
EXAMPLE = '''\
import os
import requests
from trakt_config import TraktAuth

api = os.environ.get("TRAKT_CONFIG_API_URL", "https://api.trakt.tv")

with requests.Session() as session:
    session.auth = TraktAuth("config.yml")
    session.headers["User-Agent"] = "my-app/1.0"
    answer = session.get(f"{api}/sync/watchlist", timeout=30)
    answer.raise_for_status()
    for entry in answer.json():
        print(entry["rank"], entry[entry["type"]]["title"])
'''


Getter = Callable[..., requests.Response]


@pytest.fixture
def clock() -> ClockAhead:
    return ClockAhead()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def signed(environ: Mapping[str, str], clock: ClockAhead, session: requests.Session,
           sandbox: Sandbox) -> Callable[..., Getter]:
    """A function that asks the sandbox, signed with the authorization in a config."""
    def sign(config: Path, **options: Any) -> Getter:
        session.auth = TraktAuth(config, environ=environ, clock=clock, **options)

        def send(method: str = "GET", url: str = sandbox.url + LIST,
                 **more: Any) -> requests.Response:
            return session.request(method, url, timeout=30, **more)
        return send
    return sign


def token_in(config: Path) -> str:
    return document.parse(config.read_bytes()).authorization["access_token"].text


def lists(sandbox: Sandbox) -> list[Any]:
    return [request for request in sandbox.ledger if request.path == LIST]


# Headers


def test_headers(sandbox: Sandbox, config: Any, signed: Any) -> None:
    values = issued(sandbox)
    path = config(values)
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert signed(path)().json()[0]["movie"]["title"] == "The General"
    headers = lists(sandbox)[0].headers
    assert {name: headers[name] for name in (*OURS, "user-agent", "content-type")} == {
        "authorization": f"Bearer {values['access_token']}", "trakt-api-version": "2",
        "trakt-api-key": sandbox.client_id, "user-agent": f"trakt_config/{__version__}",
        "content-type": "application/json"}
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert sandbox.token_requests == []


@pytest.mark.parametrize("given, sent", [
    ("my-app/1.0", "my-app/1.0"), (None, f"trakt_config/{__version__}"),
    ("python-requests/2.31.0", f"trakt_config/{__version__}")])
def test_user_agent_of_the_application_stays(sandbox: Sandbox, config: Any, signed: Any,
                                             given: str | None, sent: str) -> None:
    signed(config(issued(sandbox)))(headers={"User-Agent": given})
    assert lists(sandbox)[0].headers["user-agent"] == sent


@pytest.mark.parametrize("body, sent", [
    ({"json": {}}, "application/json"),
    ({"data": {"a": "b"}}, "application/x-www-form-urlencoded"),
    ({"data": b"[]", "headers": {"Content-Type": "text/plain"}}, "text/plain"),
])
def test_content_type_of_the_application_stays(sandbox: Sandbox, config: Any, signed: Any,
                                               body: dict[str, Any], sent: str) -> None:
    signed(config(issued(sandbox)))("POST", **body)
    assert lists(sandbox)[0].headers["content-type"] == sent


def test_placeholder_in_client_id_is_resolved(sandbox: Sandbox, config: Any,
                                              environ: Mapping[str, str],
                                              session: requests.Session) -> None:
    path = config(issued(sandbox))
    path.write_text(path.read_text().replace(sandbox.client_id, "<<id>>"))
    session.auth = TraktAuth(path, environ={**environ, "KOMETA_ID": sandbox.client_id})
    assert session.get(sandbox.url + LIST, timeout=30).ok


# Other hosts


def test_other_hosts_get_nothing(sandbox: Sandbox, config: Any, signed: Any,
                                 caplog: pytest.LogCaptureFixture) -> None:
    """Not even the config is looked into. The log says so, with nothing more of the address."""
    caplog.set_level(logging.DEBUG, "trakt_config")
    with Sandbox() as other:
        signed(config())(url=f"{other.url}{LIST}?key=s3cret")
        headers = lists(other)[0].headers
    assert caplog.messages == [f"not signed: {other.url} is not the API, {sandbox.url}"]
    assert not set(OURS) & set(headers)
    assert headers["user-agent"].startswith("python-requests/")


@pytest.mark.parametrize("before", [[], [REFUSED]])
@pytest.mark.parametrize("status", [301, 307])
def test_redirect_to_another_host_loses_the_headers(sandbox: Sandbox, config: Any, signed: Any,
                                                    before: list[Answer], status: int) -> None:
    """Also when the request was repeated before it was redirected."""
    with Sandbox() as other:
        for answer in before:
            sandbox.answer(answer, path=LIST)
        sandbox.answer(Answer(status, headers={"Location": other.url + LIST}), path=LIST)
        signed(config(issued(sandbox)))()
        headers = lists(other)[0].headers
    assert not set(OURS) & set(headers)
    assert headers["user-agent"].startswith("python-requests/")


def test_redirect_back_does_not_bring_the_headers_back(sandbox: Sandbox, config: Any,
                                                       signed: Any) -> None:
    with Sandbox() as other:
        sandbox.answer(Answer(302, headers={"Location": other.url + LIST}), path=LIST)
        other.answer(Answer(302, headers={"Location": sandbox.url + LIST}), path=LIST)
        signed(config(issued(sandbox)))()
    assert not set(OURS) & set(lists(sandbox)[1].headers) and sandbox.token_requests == []


@pytest.mark.parametrize("location", [LIST + "?page=2", "//HOST" + LIST, "http://HOST" + LIST])
def test_redirect_within_the_api_keeps_the_headers(sandbox: Sandbox, config: Any, signed: Any,
                                                   location: str) -> None:
    location = location.replace("HOST", sandbox.url.split("//")[1])
    sandbox.answer(Answer(307, headers={"Location": location}), path=LIST)
    assert signed(config(issued(sandbox)))().ok
    assert set(OURS) <= set(lists(sandbox)[1].headers)


@pytest.mark.parametrize("follows", [True, False])
@pytest.mark.parametrize("more", [(), (REFUSED,)])
def test_redirect_leaves_a_prepared_request_as_it_was(
        sandbox: Sandbox, config: Any, signed: Any, session: requests.Session, follows: bool,
        more: tuple[Answer, ...]) -> None:
    """It can be sent again; what is sent elsewhere is a copy without our headers."""
    signed(config(issued(sandbox)))
    request = session.prepare_request(requests.Request("GET", sandbox.url + LIST))
    before = dict(request.headers)
    with Sandbox() as other:
        location = Answer(302, headers={"Location": other.url + LIST})
        for prepared in (*more, location):
            sandbox.answer(prepared, path=LIST)
        answer = session.send(request, allow_redirects=follows, timeout=30)
        redirected = answer.request if follows else answer.next
        assert len(lists(other)) == follows
    assert redirected is not None and not {name.title() for name in OURS} & {
        name.title() for name in redirected.headers}
    assert dict(request.headers) == before
    assert session.send(request, timeout=30).ok
    assert set(OURS) <= set(lists(sandbox)[-1].headers)


@pytest.mark.parametrize("url", [
    "http://api.trakt.tv/", "https://api.trakt.tv:444/", "https://api.trakt.tv.example/",
    "https://example/api.trakt.tv", "https://api.trakt.tv@example/", "https://trakt.tv/",
    "https://auth.trakt.tv/", "https://api.trakt.tv\\@example/", "https://api.trakt.tv\t.example/",
    "https://api.trakt.tv:x/", "https://[/", "/users/settings", "", "ftp://api.trakt.tv/",
])
def test_addresses_that_are_not_the_api(config: Any, url: str) -> None:
    assert not TraktAuth(config(), environ={})._is_api(url)


@pytest.mark.parametrize("url", [
    "https://api.trakt.tv/", "https://api.trakt.tv:443/x?y#z", "https://API.trakt.tv",
    "HTTPS://api.trakt.tv/", "https://user:word@api.trakt.tv/"])
def test_addresses_that_are_the_api(config: Any, url: str) -> None:
    assert TraktAuth(config(), environ={})._is_api(url)


# Refreshing when it is due


@pytest.mark.parametrize("age", [2 * WEEK, WORTH_REFRESHING * WEEK])
def test_refreshes_when_due(sandbox: Sandbox, config: Any, signed: Any, age: float) -> None:
    path = config(issued(sandbox, age))
    assert signed(path)().ok and len(sandbox.token_requests) == 1
    assert lists(sandbox)[0].headers["authorization"] == f"Bearer {token_in(path)}"


def test_becomes_due_while_it_is_used(sandbox: Sandbox, config: Any, signed: Any,
                                      clock: ClockAhead) -> None:
    get = signed(config(issued(sandbox)))
    get()
    clock.ahead = WORTH_REFRESHING * WEEK
    get()
    assert len(sandbox.token_requests) == 1


def test_force_refresh_does_not_count(sandbox: Sandbox, config: Any, signed: Any) -> None:
    get = signed(config(issued(sandbox), more="  force_refresh: true\n"))
    assert get().ok and get().ok and sandbox.token_requests == []


def test_fresh_config_is_read_once(sandbox: Sandbox, config: Any, signed: Any,
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """However many requests there are."""
    get = signed(config(issued(sandbox)))
    get()
    monkeypatch.setattr(document, "parse", lambda data: 1 / 0)
    assert get().ok and get().ok


def test_file_that_has_changed_is_read_again(sandbox: Sandbox, config: Any, signed: Any) -> None:
    path = config(issued(sandbox))
    get = signed(path)
    get()
    other = issued(sandbox)
    config(other, name="new.yml").replace(path)
    get()
    assert lists(sandbox)[1].headers["authorization"] == f"Bearer {other['access_token']}"
    path.unlink()
    with pytest.raises(ConfigError, match="does not exist"):
        get()


def test_refresh_that_can_wait_is_not_tried_every_time(sandbox: Sandbox, config: Any,
                                                       signed: Any, clock: ClockAhead) -> None:
    get = signed(config(issued(sandbox, WORTH_REFRESHING * WEEK)))
    sandbox.answer(Answer(429, headers={"Retry-After": "600"}), times=2)
    assert get().ok and get().ok and len(sandbox.token_requests) == 1
    clock.ahead = trakt_auth.RETRY_INTERVAL + 1
    assert get().ok and len(sandbox.token_requests) == 2
    clock.ahead *= 2
    assert get().ok and sandbox.token_requests[-1].issued


def test_lifetime_that_is_shorter_than_was_asked_for(config: Any, environ: Mapping[str, str],
                                                     session: requests.Session) -> None:
    """One refresh, not one a request."""
    with Sandbox(lifetime=300) as short:
        path = config(issued(short, 2 * WEEK))
        session.auth = TraktAuth(path, environ={**environ, **short.environ})
        for _ in range(3):
            assert session.get(short.url + LIST, timeout=30).ok
        assert len(short.token_requests) == 1


def test_min_validity(sandbox: Sandbox, config: Any, signed: Any) -> None:
    signed(config(issued(sandbox, STILL_FRESH * WEEK)), min_validity=timedelta(days=6))()
    assert len(sandbox.token_requests) == 1


def test_errors_of_authorize_come_through(sandbox: Sandbox, config: Any, signed: Any) -> None:
    with pytest.raises(LoginRequired):
        signed(config())()
    assert lists(sandbox) == []


# A refused access token


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_refusal_is_finished_by_one_refresh(sandbox: Sandbox, config: Any, signed: Any,
                                            method: str) -> None:
    """A request that does no harm twice is sent again (RFC 9110, section 9.2.2)."""
    path = config(issued(sandbox))
    sandbox.expire(token_in(path))
    sandbox.answer(REFUSED, path=LIST)
    answer = signed(path)(method, json={"a": 1} if method == "PUT" else None)
    assert answer.status_code != 401 and len(sandbox.token_requests) == 1
    first, second = lists(sandbox)
    assert (first.method, first.body) == (second.method, second.body)
    assert second.headers["authorization"] == f"Bearer {token_in(path)}"
    assert [earlier.status_code for earlier in answer.history] == [401]


@pytest.mark.parametrize("method, body, repeatable", [
    ("GET", None, True), ("HEAD", None, True), ("OPTIONS", None, True), ("DELETE", None, True),
    ("PUT", b"{}", True), ("PUT", "{}", True), ("PUT", iter([b"{}"]), False),
    ("POST", None, False), ("PATCH", b"{}", False), ("TRACE", None, False)])
def test_what_can_be_repeated(method: str, body: Any, repeatable: bool) -> None:
    request = requests.Request(method, "https://api.trakt.tv", data=body).prepare()
    assert signature.is_repeatable(request) is repeatable


@pytest.mark.parametrize("method, body", [
    ("POST", {"json": {"movies": []}}), ("PUT", {"data": iter([b"{}"])})])
def test_request_that_may_do_harm_is_not_repeated(sandbox: Sandbox, config: Any, signed: Any,
                                                  method: str, body: Any) -> None:
    """Its 401 is the answer; the next request has the new token."""
    path = config(issued(sandbox))
    send = signed(path)
    sandbox.answer(REFUSED, path=LIST)
    assert send(method, **body).status_code == 401
    assert (len(lists(sandbox)), len(sandbox.token_requests)) == (1, 1)
    assert send().ok and len(sandbox.token_requests) == 1


def test_an_endpoint_that_always_refuses_does_not_use_up_tokens(sandbox: Sandbox, config: Any,
                                                                signed: Any) -> None:
    """What is not repeated cannot prove the new token good: one refresh, and no more."""
    send = signed(config(issued(sandbox)))
    sandbox.answer(REFUSED, times=4, path=LIST)
    assert [send("POST", json={}).status_code for _ in range(4)] == [401] * 4
    assert len(sandbox.token_requests) == 1
    assert send().ok


def test_another_run_has_refreshed_already(sandbox: Sandbox, config: Any, signed: Any) -> None:
    """While the request was under way: the token in the file is not the refused one any more."""
    path = config(issued(sandbox))
    get = signed(path)
    with sandbox.hold(LIST, before=True) as held, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(get)
        held.wait()
        sandbox.revoke_all()
        config(issued(sandbox), name="theirs.yml").replace(path)
        held.release()
        assert answer.result().ok
    assert sandbox.token_requests == [] and len(lists(sandbox)) == 2


def test_refusal_of_the_new_token_is_the_answer(sandbox: Sandbox, config: Any,
                                                signed: Any) -> None:
    """It is about something else, such as a private profile: no refresh can help."""
    get = signed(config(issued(sandbox)))
    sandbox.answer(REFUSED, times=6, path=LIST)
    assert [get().status_code for _ in range(5)] == [401] * 5
    assert len(sandbox.token_requests) == 1
    assert get().ok


def test_refresh_that_is_refused(sandbox: Sandbox, config: Any, signed: Any,
                                 caplog: pytest.LogCaptureFixture) -> None:
    """The error comes once; later the refusal is the answer, until there is another token. Since
    the error may be forgotten by then, the log says why, once.
    """
    path = config(issued(sandbox))
    get = signed(path)
    sandbox.revoke_all()
    with pytest.raises(LoginRequired) as caught:
        get()
    assert caught.value.path == str(path)
    assert caplog.messages == []
    assert [get().status_code for _ in range(3)] == [401] * 3 and len(sandbox.token_requests) == 1
    (warning,) = caplog.messages
    assert warning.startswith(f"{path}: Trakt refuses the access token, which is not refreshed "
                              f"again ({caught.value.message}): ")
    config(issued(sandbox), name="new.yml").replace(path)
    assert get().ok


@pytest.mark.parametrize("answer, kind", [
    (Answer(423), AccountProblem), (Answer(429, headers={"Retry-After": "60"}), TraktUnavailable)])
def test_refresh_that_fails_after_a_refusal(sandbox: Sandbox, config: Any, signed: Any,
                                            answer: Answer, kind: type[Exception]) -> None:
    get = signed(config(issued(sandbox)))
    sandbox.answer(REFUSED, path=LIST)
    sandbox.answer(answer)
    with pytest.raises(kind):
        get()
    assert get().ok


@pytest.mark.parametrize("answer", [
    Answer(401, b"<html>", {"Content-Type": "text/html; charset=utf-8"}), Answer(403),
    Answer(500)])
def test_other_answers_are_passed_on(sandbox: Sandbox, config: Any, signed: Any,
                                     answer: Answer) -> None:
    sandbox.answer(answer, path=LIST)
    assert signed(config(issued(sandbox)))().status_code == answer.status
    assert sandbox.token_requests == []


def test_refusal_by_another_host_is_not_ours(sandbox: Sandbox, config: Any, signed: Any) -> None:
    with Sandbox() as other:
        other.answer(REFUSED, path=LIST)
        sandbox.answer(Answer(302, headers={"Location": other.url + LIST}), path=LIST)
        assert signed(config(issued(sandbox)))().status_code == 401
    assert sandbox.token_requests == []


def test_streamed_answer(sandbox: Sandbox, config: Any, signed: Any) -> None:
    path = config(issued(sandbox))
    sandbox.expire(token_in(path))
    answer = signed(path)(stream=True)
    assert answer.json()[1]["movie"]["title"] == "Nosferatu"


# Threads


@pytest.mark.parametrize("age, refused", [
    (2 * WEEK, False), (WORTH_REFRESHING * WEEK, False), (0, True)])
def test_fifty_threads_and_one_refresh(sandbox: Sandbox, config: Any, environ: Mapping[str, str],
                                       age: float, refused: bool) -> None:
    """Whether it is due, getting old, or revoked behind our back."""
    path = config(issued(sandbox, age))
    signer = TraktAuth(path, environ=environ)
    if refused:
        sandbox.expire(token_in(path))
    together = threading.Barrier(50)

    def get(_: int) -> int:
        together.wait(30)
        return requests.get(sandbox.url + LIST, auth=signer, timeout=60).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(get, range(50))) == {200}
    assert len(sandbox.token_requests) == 1


def test_others_go_on_while_one_refreshes_ahead_of_time(sandbox: Sandbox, config: Any,
                                                        signed: Any, clock: ClockAhead) -> None:
    get = signed(config(issued(sandbox)))
    get()
    clock.ahead = WORTH_REFRESHING * WEEK
    with sandbox.hold("/oauth/token") as held, ThreadPoolExecutor(1) as pool:
        first = pool.submit(get)
        held.wait()
        assert get().ok
        held.release()
        assert first.result().ok


def test_waiting_has_an_end(sandbox: Sandbox, config: Any, signed: Any) -> None:
    get = signed(config(issued(sandbox, 2 * WEEK)), lock_timeout=timedelta(seconds=0.1))
    with sandbox.hold("/oauth/token") as held, ThreadPoolExecutor(1) as pool:
        first = pool.submit(get)
        held.wait()
        with pytest.raises(LockTimeout):
            get()
        held.release()
        assert first.result().ok


# The rest


def test_refreshes_with_the_session_that_it_signs_for(sandbox: Sandbox, config: Any, signed: Any,
                                                      session: requests.Session) -> None:
    assert signed(config(issued(sandbox, 2 * WEEK)), session=session)().ok
    assert OURS[0] not in sandbox.token_requests[0].headers


def test_repr_has_no_secret(sandbox: Sandbox, config: Any, signed: Any,
                            session: requests.Session) -> None:
    values = issued(sandbox)
    path = config(values)
    signed(path)()
    assert repr(session.auth) == f"TraktAuth('{path}')"
    assert values["access_token"] not in repr(vars(session.auth))


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy, "deepcopy": copy.deepcopy,
    "pickle": lambda auth: pickle.loads(pickle.dumps(auth))}


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
def test_copy_is_one_of_its_own(sandbox: Sandbox, config: Any, environ: Mapping[str, str],
                                make: Callable[[Any], Any]) -> None:
    """Made while the first one waits for Trakt: it does not wait for that one's lock."""
    path = config(issued(sandbox, 2 * WEEK))
    first = TraktAuth(path, environ=environ, lock_timeout=timedelta(seconds=20))
    url = sandbox.url + LIST
    with sandbox.hold("/oauth/token") as held, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(requests.get, url, auth=first, timeout=30)
        held.wait()
        second = make(first)
        assert second._lock is not first._lock and not second._lock.locked()
        held.release()
        assert asked.result().ok
    assert repr(second) == repr(first)
    assert requests.get(url, auth=second, timeout=30).ok and len(sandbox.token_requests) == 1


def test_copy_holds_no_token(sandbox: Sandbox, config: Any, signed: Any,
                             session: requests.Session) -> None:
    """It may be sent to other processes, or be written down."""
    values = issued(sandbox)
    signed(config(values))()
    vars(session.auth)["_options"] = Options(clock=time.time)
    data = pickle.dumps(session.auth)
    assert values["access_token"].encode() not in data
    assert values["refresh_token"].encode() not in data


def test_copy_has_the_environment_of_its_process(config: Any,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAKT_CONFIG_API_URL", "https://one.example")
    data = pickle.dumps(TraktAuth(config()))
    assert b"one.example" not in data
    monkeypatch.setenv("TRAKT_CONFIG_API_URL", "https://two.example")
    assert pickle.loads(data)._is_api("https://two.example/")


def test_what_cannot_be_copied_says_so(config: Any) -> None:
    session = requests.Session()
    session.hooks = {"response": [threading.Lock()]}
    auth = TraktAuth(config(), session=session)
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(auth)
    with pytest.raises(TypeError, match="pickle"):
        copy.deepcopy(auth)


@pytest.mark.parametrize(("options", "error"), [
    ({"min_validity": 600}, TypeError), ({"lock_timeout": 2.5}, TypeError),
    ({"min_validity": None}, TypeError), ({"clock": 1700000000}, TypeError),
    ({"lock_timeout": timedelta(seconds=-1)}, ValueError),
    ({"min_validity": timedelta(microseconds=-1)}, ValueError),
])
def test_wrong_arguments_are_refused_at_once(config: Any, options: Any,
                                             error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(options))):
        TraktAuth(config(), **options)


def test_path_of_another_type_is_refused_at_once() -> None:
    with pytest.raises(TypeError):
        TraktAuth(cast(Any, 42))


def test_longest_of_all_timeouts(sandbox: Sandbox, config: Any, signed: Any) -> None:
    assert signed(config(issued(sandbox, 2 * WEEK)), lock_timeout=timedelta.max)().ok


def test_unusable_endpoint_is_found_at_once(config: Any) -> None:
    with pytest.raises(ConfigError, match="TRAKT_CONFIG_API_URL"):
        TraktAuth(config(), environ={"TRAKT_CONFIG_API_URL": "http://example"})


def test_importing_it_imports_nothing_of_http() -> None:
    code = ("import sys; from trakt_config import TraktAuth; "
            "sys.exit(bool({'requests', 'urllib3', 'http.client'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}
                          ).returncode == 0


@pytest.mark.skipif("TraktAuth(" not in README, reason="the README does not show it yet")
def test_example_is_the_readmes() -> None:
    assert textwrap.indent(EXAMPLE, "    ", lambda line: bool(line.strip())) in README


def test_example(sandbox: Sandbox, config: Any, environ: Mapping[str, str],
                 tmp_path: Path) -> None:
    """What the README shows prints the watchlist, refreshing on its way."""
    config(issued(sandbox, 2 * WEEK))
    done = subprocess.run([sys.executable, "-W", "error", "-c", EXAMPLE], cwd=tmp_path,
                          env={**environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
                          text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1 The General\n2 Nosferatu\n", "")
    assert lists(sandbox)[0].headers["user-agent"] == "my-app/1.0"


@pytest.mark.parametrize("path", ["config.yml", Path("config.yml"), "./config.yml"], ids=repr)
def test_a_relative_path_stays_where_it_was(path: Any, config: Any, sandbox: Sandbox,
                                            signed: Any, tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that goes to another folder meanwhile, as daemons do."""
    existing = config(issued(sandbox, 0))
    monkeypatch.chdir(tmp_path)
    get, other = signed(path), tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert get().status_code == 200
    existing.unlink()
    with pytest.raises(ConfigError) as caught:
        get()
    assert caught.value.path and Path(caught.value.path).parent == tmp_path


def test_a_working_directory_that_is_gone(environ: Mapping[str, str], tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the config that cannot be found, once it is looked for."""
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    auth = TraktAuth("config.yml", environ=environ)
    with pytest.raises(ConfigError):
        requests.get(environ["TRAKT_CONFIG_API_URL"], auth=auth, timeout=10)
