"""What is sent to Trakt, what its answers mean, and how often and how long is tried."""
from __future__ import annotations

import contextlib
import errno
import gzip
import http.client
import json
import logging
import random
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any, Callable

import pytest
import requests
import requests_mock
import urllib3
from requests.adapters import HTTPAdapter

from tests.support.clocks import Clock
from tests.support.injection import FULL
from trakt_config import oauth
from trakt_config.errors import (
    AccountProblem,
    ClientRejected,
    ConfigError,
    LoginRequired,
    TraktConfigError,
    TraktUnavailable,
)
from trakt_config.oauth import AuthorizationCode, Endpoints, RefreshToken, TraktClient
from trakt_config.tokens import Authorization, Client, Secret
from trakt_config.version import __version__

#: Each row is a rule of its own, and takes a millisecond or two: all of them, in every run.
pytestmark = pytest.mark.sampled(1)

URL = "https://auth.trakt.tv/oauth/token"
CLIENT_SECRET = "cs-5eb1c0ffee5eb1c0ffee"
OLD_REFRESH = "rt-0ld0ld0ld0ld0ld0ld0ld"
PIN = "A1B2C3D4"
VERIFIER = "v" * 20 + "0123456789" * 3
SECRETS = (CLIENT_SECRET, OLD_REFRESH, PIN, VERIFIER)
CLIENT = Client("client-id", Secret(CLIENT_SECRET))
REFRESH = RefreshToken(Secret(OLD_REFRESH))
CODE = AuthorizationCode(Secret(PIN))
PKCE_CODE = AuthorizationCode(Secret(PIN), Secret(VERIFIER))
TOKENS = {"access_token": "at-new", "token_type": "Bearer", "expires_in": 604800,
          "refresh_token": "rt-new", "scope": "public", "created_at": 1790000000}
HTML = {"text": "<!DOCTYPE html><title>Just a moment</title>",
        "headers": {"Content-Type": "text/html; charset=UTF-8"}}
OK = {"json": TOKENS}


def error(code: str, description: str | None = None, status: int = 400,
          **more: Any) -> dict[str, Any]:
    body = {"error": code}
    if description is not None:
        body["error_description"] = description
    return {"status_code": status, "json": body, **more}


def run(answers: list[dict[str, Any]], grant: Any = REFRESH, *, client: Client = CLIENT,
        retry_unknown: bool = True, session: requests.Session | None = None,
        **more: Any) -> Any:
    """The outcome of an exchange with these answers: result or error, requests, pauses, records."""
    clock = Clock()
    recorded: list[bytes] = []
    with requests_mock.Mocker() as trakt:
        trakt.post(URL, answers)
        try:
            asking = TraktClient(client, session=session, clock=lambda: 1790000000.0,
                                 monotonic=clock, sleep=clock.sleep)
            result: Any = asking.exchange(grant, record=recorded.append,
                                          retry_unknown=retry_unknown, **more)
        except TraktConfigError as caught:
            result = caught
            assert_silent(caught)
    return result, trakt.request_history, clock.pauses, recorded


def assert_silent(caught: BaseException) -> None:
    """No secret, nor a foreign exception, is in an exception."""
    shown = "".join(traceback.format_exception(type(caught), caught, caught.__traceback__))
    shown += repr(caught) + repr(vars(caught)) + str(caught)
    for secret in SECRETS:
        assert secret not in shown
        assert secret[:12] not in shown
    for linked in (caught.__cause__, caught.__context__):
        assert linked is None or isinstance(linked, TraktConfigError)


# What is sent

@pytest.mark.parametrize("grant, client, fields", [
    pytest.param(REFRESH, CLIENT, {
        "grant_type": "refresh_token", "refresh_token": OLD_REFRESH, "client_id": "client-id",
        "client_secret": CLIENT_SECRET, "redirect_uri": "urn:ietf:wg:oauth:2.0:oob",
    }, id="a refresh sends the redirect_uri too"),
    pytest.param(REFRESH, Client("client-id", None, "http://localhost:1/x"), {
        "grant_type": "refresh_token", "refresh_token": OLD_REFRESH, "client_id": "client-id",
        "redirect_uri": "http://localhost:1/x",
    }, id="without a client_secret there is no such key"),
    pytest.param(CODE, CLIENT, {
        "grant_type": "authorization_code", "code": PIN, "client_id": "client-id",
        "client_secret": CLIENT_SECRET, "redirect_uri": "urn:ietf:wg:oauth:2.0:oob",
    }, id="a pin is an authorization code"),
    pytest.param(PKCE_CODE, CLIENT, {
        "grant_type": "authorization_code", "code": PIN, "client_id": "client-id",
        "code_verifier": VERIFIER, "redirect_uri": "urn:ietf:wg:oauth:2.0:oob",
    }, id="a code_verifier goes without the client_secret"),
])
def test_body_and_headers(grant: Any, client: Client, fields: dict[str, str]) -> None:
    """The body and the headers are Trakt's, whatever the session would add."""
    session = requests.Session()
    session.auth = ("somebody", "password")
    session.headers["X-Mine"] = "1"
    result, sent, pauses, recorded = run([OK], grant, client=client, session=session)
    assert isinstance(result, Authorization)
    assert (len(sent), pauses, len(recorded)) == (1, [], 1)
    assert sent[0].json() == fields
    assert dict(sent[0].headers) == {
        "Content-Type": "application/json", "User-Agent": f"trakt_config/{__version__}",
        "trakt-api-version": "2", "trakt-api-key": "client-id", "Accept-Encoding": "identity",
        "Content-Length": str(len(sent[0].body))}


def test_netrc_is_not_used(home: Any) -> None:
    """A line for Trakt's host in ~/.netrc does not become an Authorization header."""
    (home / ".netrc").write_text("machine auth.trakt.tv login me password secret\n")
    _, sent, _, _ = run([OK])
    assert "Authorization" not in sent[0].headers


def test_tokens_of_the_answer() -> None:
    """The six values come from the answer; it is recorded as it came."""
    result, _, _, recorded = run([OK])
    assert result == Authorization("at-new", "Bearer", 604800, "rt-new", "public", 1790000000)
    assert json.loads(recorded[0]) == TOKENS


def test_missing_values_of_the_answer() -> None:
    """The time of the answer and the token that was sent fill in."""
    result, _, _, _ = run([{"json": {"access_token": "at-new", "expires_in": 5}}])
    assert result == Authorization("at-new", "bearer", 5, OLD_REFRESH, "public", 1790000000)


def test_record_comes_before_parsing() -> None:
    """Even an answer that is nonsense is recorded."""
    result, _, _, recorded = run([{"text": "nonsense"}], retry_unknown=False)
    assert recorded == [b"nonsense"] and result.outcome_unknown


# What the answers mean

UNKNOWN = [
    pytest.param({"status_code": 500}, id="500"),
    pytest.param({"status_code": 502, **HTML}, id="502 as a page"),
    pytest.param({"status_code": 503}, id="503"),
    pytest.param({"status_code": 520}, id="520"),
    pytest.param({"status_code": 522}, id="522"),
    pytest.param({"status_code": 408}, id="408"),
    pytest.param(HTML, id="a page with status 200"),
    pytest.param({"status_code": 403, **HTML}, id="Cloudflare's 403 page"),
    pytest.param({"status_code": 400, **HTML}, id="a 400 page"),
    pytest.param({"status_code": 400, "text": ""}, id="an empty 400"),
    pytest.param({"text": ""}, id="an empty 200"),
    pytest.param({"text": "[]"}, id="a list"),
    pytest.param({"text": "[" * 100000}, id="deep nesting"),
    pytest.param({"json": {"access_token": None}}, id="null for a token"),
    pytest.param({"status_code": 204}, id="204"),
    pytest.param({"text": json.dumps({**TOKENS, "x": "x" * 300000})}, id="a huge answer"),
    pytest.param({"status_code": 302, "headers": {"Location": "https://evil.example/"}},
                 id="a redirect"),
    pytest.param({"status_code": 307, "headers": {"Location": URL}}, id="307 to itself"),
    pytest.param({"status_code": 301, "headers": {"Location": "http://[bad"}},
                 id="a redirect to nowhere"),
    pytest.param({"exc": requests.exceptions.ReadTimeout}, id="read timeout"),
    pytest.param({"exc": requests.exceptions.ChunkedEncodingError}, id="cut"),
    pytest.param({"exc": requests.exceptions.ConnectionError}, id="a vague connection error"),
    pytest.param({"exc": ConnectionResetError}, id="reset"),
    pytest.param(error("server_error"), id="server_error"),
]


@pytest.mark.parametrize("answer", UNKNOWN)
def test_unknown_is_not_repeated_unless_asked(answer: dict[str, Any]) -> None:
    """The token may be spent: say so, after one request."""
    result, sent, pauses, _ = run([answer, OK], retry_unknown=False)
    assert isinstance(result, TraktUnavailable) and result.outcome_unknown
    assert (len(sent), pauses) == (1, [])


@pytest.mark.parametrize("answer", UNKNOWN)
def test_unknown_is_repeated_once(answer: dict[str, Any]) -> None:
    """After five seconds, once; a good answer then is as good as any."""
    result, sent, pauses, recorded = run([answer, OK])
    assert result.access_token == "at-new"
    assert (len(sent), pauses) == (2, [5.0])
    assert json.loads(recorded[-1]) == TOKENS


@pytest.mark.parametrize("answer", UNKNOWN)
@pytest.mark.parametrize("grant", [CODE, PKCE_CODE], ids=["pin", "with verifier"])
def test_a_code_is_never_sent_again(answer: dict[str, Any], grant: AuthorizationCode) -> None:
    """Whatever retry_unknown says."""
    result, sent, pauses, _ = run([answer, OK], grant)
    assert isinstance(result, TraktUnavailable) and result.outcome_unknown
    assert (len(sent), pauses) == (1, [])


def test_unknown_twice() -> None:
    """Two requests and no more."""
    result, sent, pauses, _ = run([{"status_code": 500}])
    assert isinstance(result, TraktUnavailable) and result.outcome_unknown
    assert (len(sent), pauses) == (2, [5.0])


def test_lost_answer() -> None:
    """invalid_grant after an unknown outcome: the first request was the one that worked."""
    result, sent, _, _ = run([{"status_code": 502}, error("invalid_grant")])
    assert isinstance(result, LoginRequired) and result.reason == "answer_lost"
    assert "the earlier answer was lost" in str(result) and len(sent) == 2


@pytest.mark.parametrize("second", [
    {"status_code": 429}, {"exc": requests.exceptions.ConnectTimeout},
], ids=["429", "not sent"])
def test_unknown_stays_unknown(second: dict[str, Any]) -> None:
    """A second request that does not come through says nothing about the first."""
    result, _, _, _ = run([{"status_code": 502}, second])
    assert isinstance(result, TraktUnavailable) and result.outcome_unknown


def test_new_refresh_token_without_access_token() -> None:
    """The old token is spent: never sent again, even when asked to repeat."""
    result, sent, _, recorded = run([{"json": {"refresh_token": "rt-new"}}, OK])
    assert isinstance(result, TraktUnavailable) and result.outcome_unknown
    assert len(sent) == 1 and b"rt-new" in recorded[0]


@pytest.mark.parametrize("retry_after, pauses", [
    ("10", [10.0]), ("30", [30.0]), ("3600", [30.0]), ("soon", [5.0]), ("9" * 9999, [30.0]),
])
def test_unknown_with_retry_after(retry_after: str, pauses: list[float]) -> None:
    """Trakt's wish counts, up to half a minute."""
    answer = {"status_code": 503, "headers": {"Retry-After": retry_after}}
    assert run([answer, OK])[2] == pauses


@pytest.mark.parametrize("answer", [
    {"exc": requests.exceptions.ConnectTimeout}, {"exc": requests.exceptions.SSLError("x")},
    {"exc": requests.exceptions.ProxyError}, {"exc": requests.exceptions.InvalidProxyURL},
    {"exc": OSError("Could not find a suitable TLS CA certificate bundle, invalid path: /x")},
], ids=["connect timeout", "TLS", "proxy", "proxy address", "CA bundle"])
@pytest.mark.parametrize("grant", [REFRESH, CODE], ids=["refresh", "pin"])
def test_not_sent_is_tried_three_times(answer: dict[str, Any], grant: Any) -> None:
    """What certainly was not sent is safe to send again, a code too."""
    result, sent, pauses, _ = run([answer], grant, retry_unknown=False)
    assert isinstance(result, TraktUnavailable) and not result.outcome_unknown
    assert (len(sent), pauses) == (3, [1.0, 2.0])
    result, sent, pauses, _ = run([answer, answer, OK], grant, retry_unknown=False)
    assert result.access_token == "at-new"


@pytest.mark.parametrize("answer", [
    {"exc": requests.exceptions.ConnectTimeout}, {"status_code": 500}, {"status_code": 429}])
def test_no_try_when_the_budget_has_ended_during_a_pause(answer: dict[str, Any],
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    """As it has when the process was stopped: an answer would not be waited for."""
    def stopped(clock: Clock, seconds: float) -> None:
        clock.now += seconds + 1000
    monkeypatch.setattr(Clock, "sleep", stopped)
    result, sent, _, _ = run([answer, OK])
    assert isinstance(result, TraktUnavailable) and len(sent) == 1


def test_no_try_beyond_the_budget() -> None:
    """A pause that does not fit is not begun."""
    assert run([{"exc": requests.exceptions.ConnectTimeout}], budget=2.5)[2] == [1.0]
    assert run([{"status_code": 500}], budget=4.0)[2] == []


@pytest.mark.parametrize("retry_after, pauses, asked", [
    pytest.param("7", [7.0], 7.0, id="seconds"),
    pytest.param("0", [], 0.0, id="at once"),
    pytest.param(None, [5.0], None, id="nothing: five seconds, which are not Trakt's"),
    pytest.param("-3", [5.0], None, id="negative"),
    pytest.param("soon", [5.0], None, id="junk"),
    pytest.param("31", [], 31.0, id="longer than half a minute: not waited for"),
    pytest.param("1" * 5000, [], 86400.0, id="huge"),
    pytest.param("Mon, 21 Sep 2026 14:13:30 GMT", [10.0], 10.0, id="a date"),
    pytest.param("Mon, 21 Sep 2020 14:13:30 GMT", [], 0.0, id="a date that has passed"),
    pytest.param("Mon, 99 Sep 2026 99:13:30 GMT", None, None, id="a date that is none"),
    pytest.param("Mon, 21 Sep 99999999999999999999 14:13:30 GMT", [5.0], None, id="no such year"),
])
def test_rate_limit(retry_after: str | None, pauses: list[float] | None,
                    asked: float | None) -> None:
    """429 is waited for once, when it fits; nothing was spent."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    result, sent, slept, _ = run([{"status_code": 429, "headers": headers}], CODE,
                                 retry_unknown=False)
    assert isinstance(result, TraktUnavailable) and not result.outcome_unknown
    if pauses is not None:
        assert slept == pauses and result.retry_after == pytest.approx(asked)
        when = {None: "later", 86400.0: "in 24 hours"}.get(asked, f"in {asked or 0:.0f} s")
        assert result.hint == f"Try again {when}."
        assert len(sent) == (1 if asked is not None and asked > 30 else 2)


@pytest.mark.parametrize("answer, grant, kind, reason, words", [
    (error("invalid_grant"), REFRESH, LoginRequired, "refresh_token_refused", "another copy"),
    (error("invalid_grant", status=401), REFRESH, LoginRequired, "refresh_token_refused", ""),
    (error("invalid_grant", "session not found"), REFRESH, LoginRequired,
     "refresh_token_refused", "before Trakt's move of July 2026"),
    (error("invalid_grant"), CODE, LoginRequired, "pin_refused", "redirect_uri"),
    (error("invalid_client"), REFRESH, ClientRejected, None, "swapped"),
    (error("invalid_client", status=401), REFRESH, ClientRejected, None, "swapped"),
    ({"status_code": 401}, REFRESH, ClientRejected, None, "client_secret"),
    ({"status_code": 403}, REFRESH, ClientRejected, None, "not be approved yet"),
    ({"status_code": 426}, REFRESH, ClientRejected, None, "VIP"),
    ({"status_code": 412}, REFRESH, ClientRejected, None, "type of the request"),
    ({"status_code": 404}, REFRESH, ClientRejected, None, "TRAKT_CONFIG_OAUTH_URL"),
    ({"status_code": 418}, REFRESH, ClientRejected, None, "418"),
    (error("invalid_request", "redirect_uri mismatch"), CODE, ClientRejected, None,
     "utilities.kometa.wiki/trakt-oauth/callback"),
    (error("invalid_request", "client_id is required"), REFRESH, ClientRejected, None, "deleted"),
    (error("unsupported_grant_type"), REFRESH, ClientRejected, None, "unsupported_grant_type"),
    ({"status_code": 423, "headers": {"X-Account-Locked": "true"}}, REFRESH, AccountProblem, None,
     "locked"),
    ({"status_code": 423, "headers": {"X-Account-Deactivated": "true"}}, REFRESH, AccountProblem,
     None, "deactivated"),
    ({"status_code": 423}, REFRESH, AccountProblem, None, "locked or deactivated"),
    ({"status_code": 410}, REFRESH, AccountProblem, None, "deactivated"),
])
def test_refusals(answer: dict[str, Any], grant: Any, kind: type[TraktConfigError],
                  reason: str | None, words: str) -> None:
    """A refusal is final after one request, each with its own advice."""
    result, sent, pauses, recorded = run([answer], grant)
    assert type(result) is kind and words in str(result) and result.hint
    assert getattr(result, "reason", None) == reason
    assert (len(sent), pauses, recorded) == (1, [], [])


def test_code_verifier_and_then_the_secret() -> None:
    """Trakt says to leave the secret out; if it wants it all the same, it gets it."""
    result, sent, pauses, _ = run([error("invalid_client", status=401), OK], PKCE_CODE)
    assert result.access_token == "at-new" and pauses == []
    assert "client_secret" not in sent[0].json()
    assert sent[1].json() == {**sent[0].json(), "client_secret": CLIENT_SECRET}


def test_code_verifier_without_a_secret() -> None:
    """With no secret there is nothing else to try."""
    result, sent, _, _ = run([error("invalid_client")], PKCE_CODE, client=Client("client-id"))
    assert isinstance(result, ClientRejected) and len(sent) == 1


def test_a_client_id_that_fits_no_header() -> None:
    """It is refused before anything is sent, and not quoted."""
    result, sent, _, _ = run([OK], client=Client("id\r\nX-Evil: 1"))
    assert isinstance(result, ConfigError) and "Evil" not in str(result) and not sent


# What is shown

@pytest.mark.parametrize("text, shown", [
    ("plain", "plain"),
    ("two\r\nlines\tand  blanks", "two lines and blanks"),
    ("\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07 \x9b2Jx", "red bell 2Jx"),
    ("right\u202eto left\u2066 \ud800", "rightto left "),
    ("x" * 300, "x" * 197 + "..."),
    (f"secret {CLIENT_SECRET}!", "secret ********!"),
    (f"part {CLIENT_SECRET[3:15]}!", "part ********!"),
    (f"less {CLIENT_SECRET[3:14]}!", f"less {CLIENT_SECRET[3:14]}!"),
    (f"hidden {CLIENT_SECRET[:5]}\x00{CLIENT_SECRET[5:]}", "hidden ********"),
    ("broken " + "\n".join(CLIENT_SECRET) + " up", "broken ******** up"),
    ("in an address: " + "".join(f"%{ord(c):02X}" for c in CLIENT_SECRET), "********"),
    ("in HTML: " + "".join(f"&#{ord(c)};" for c in CLIENT_SECRET), "********"),
    ("in JSON: " + "".join(f"\\u{ord(c):04x}" for c in CLIENT_SECRET), "********"),
    ("in C: " + "".join(f"\\x{ord(c):02x}" for c in CLIENT_SECRET), "********"),
    ("escaped: " + "".join(f"\\{c}" for c in CLIENT_SECRET if c not in "ux"), "********"),
    ("100% of \\n & more", "100% of \\n & more"),
    ("x" * 3990 + CLIENT_SECRET, "x" * 197 + "..."),
    ("x" * 190 + CLIENT_SECRET, "x" * 190 + "********"),
    (" " * 3985 + CLIENT_SECRET, "********"),
    (f"pin {PIN}, again {PIN}", "pin ********, again ********"),
])
def test_cleaned(text: str, shown: str) -> None:
    """One line, short, nothing that a terminal obeys, no secret."""
    assert oauth.cleaned(text, [Secret(CLIENT_SECRET), Secret(PIN), Secret("")]) == shown


def test_description_is_quoted_without_secrets() -> None:
    """Trakt's own words are shown, ours are not in them."""
    answer = error("invalid_grant", f"no token \x1b[1m{OLD_REFRESH} for {CLIENT_SECRET[2:16]}")
    result = run([answer])[0]
    assert '"no token ******** for ********"' in str(result)


# Endpoints

def test_authorize_url() -> None:
    """Everything is escaped; a challenge is S256."""
    client = Client("a&b", Secret(CLIENT_SECRET), "http://127.0.0.1:5000/?x=1")
    assert TraktClient(client).authorize_url(state="s/1", code_challenge="c-_") == (
        "https://auth.trakt.tv/oauth/authorize?response_type=code&client_id=a%26b"
        "&redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2F%3Fx%3D1&state=s%2F1"
        "&code_challenge=c-_&code_challenge_method=S256")


@pytest.mark.parametrize("value, oauth_url", [
    ("", "https://auth.trakt.tv"),
    ("https://auth.example/", "https://auth.example"),
    ("https://auth.example/trakt/", "https://auth.example/trakt"),
    ("http://localhost:8080", "http://localhost:8080"),
    ("http://127.9.9.9:8080/", "http://127.9.9.9:8080"),
    ("http://[::1]:8080", "http://[::1]:8080"),
])
def test_endpoint(value: str, oauth_url: str) -> None:
    """https anywhere, http on this machine."""
    assert Endpoints.from_environ({"TRAKT_CONFIG_OAUTH_URL": value}) == Endpoints(oauth_url)


@pytest.mark.parametrize("value", [
    "http://auth.trakt.tv", "http://localhost.evil.example", "http://127.0.0.1.nip.io",
    "http://localhost@evil.example", "https://me:hunter22@auth.trakt.tv", "ftp://localhost",
    "auth.trakt.tv", "https://", "https://x/?a=b", "https://x/#a", "https://x:99999", "https://[::",
    "https://a b", "https://a\\b", "http://0.0.0.0", "http://127.1",
])
@pytest.mark.parametrize("variable", ["TRAKT_CONFIG_OAUTH_URL", "TRAKT_CONFIG_API_URL"])
def test_endpoint_refused(variable: str, value: str) -> None:
    """The variable is named, its value is not quoted."""
    with pytest.raises(ConfigError, match=variable) as caught:
        Endpoints.from_environ({variable: value})
    assert "hunter22" not in str(caught.value)
    assert_silent(caught.value)


# Over a real socket

Script = Callable[[socket.socket], None]


@contextlib.contextmanager
def server(*scripts: Script) -> Iterator[tuple[Endpoints, list[bytes]]]:
    """Trakt on this machine: one connection after the other, each with its own script."""
    listener = socket.create_server(("127.0.0.1", 0))
    requests_seen: list[bytes] = []

    def serve() -> None:
        for script in scripts:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                requests_seen.append(read_request(connection))
                script(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Endpoints(f"http://127.0.0.1:{listener.getsockname()[1]}",
                        f"http://127.0.0.1:{listener.getsockname()[1]}"), requests_seen
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread from accept()
        listener.close()
        thread.join(5)


def read_request(connection: socket.socket) -> bytes:
    """One request, body and all."""
    connection.settimeout(5)
    seen = b""
    while b"\r\n\r\n" not in seen:
        seen += connection.recv(65536)
    head, _, body = seen.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def says(*pieces: bytes, pause: float = 0.0, hold: float = 0.0) -> Script:
    """Send the pieces with a pause after each, and keep the connection open for a while."""
    def script(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        if hold:
            connection.settimeout(hold)
            connection.recv(1)
    return script


BODY = json.dumps(TOKENS).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


def over_socket(endpoints: Endpoints, budget: float = 90.0, *, retry_unknown: bool = False,
                session: requests.Session | None = None) -> Any:
    """The outcome of a refresh, and what was recorded; real time, no real pauses."""
    recorded: list[bytes] = []
    try:
        asking = TraktClient(CLIENT, endpoints, session=session, sleep=lambda seconds: None)
        result: Any = asking.exchange(REFRESH, record=recorded.append, budget=budget,
                                      retry_unknown=retry_unknown)
    except TraktConfigError as caught:
        assert_silent(caught)
        result = caught
    return result, recorded


@pytest.mark.parametrize("script", [
    pytest.param(says(WHOLE), id="an ordinary answer"),
    pytest.param(says(WHOLE, hold=5), id="a server that keeps the connection"),
    pytest.param(says(HEAD + b"\r\n" + BODY), id="no length, then the end"),
    pytest.param(says(HEAD + b"Content-Length: 9999\r\n\r\n" + BODY), id="a length too large"),
    pytest.param(says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
                      + b"%x\r\n%s\r\n" % (len(BODY), BODY)), id="chunks without an end"),
    pytest.param(says(b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE), id="100 first"),
    pytest.param(says(b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n"
                      b"Link: </x>\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 199 Odd\r\n\r\n",
                      WHOLE), id="102, 103 and 199 first"),
    pytest.param(says(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(BODY)), id="gzip"),
])
def test_tokens_are_taken_from(script: Script) -> None:
    """Tokens that have arrived whole are used, however the answer ends."""
    with server(script) as (endpoints, _):
        result, recorded = over_socket(endpoints)
    assert result.access_token == "at-new" and recorded == [BODY]


@pytest.mark.parametrize("script", [
    pytest.param(says(), id="closed without an answer"),
    pytest.param(says(WHOLE[:40]), id="cut in the head"),
    pytest.param(says(WHOLE[:-30]), id="cut in the body"),
    pytest.param(says(b"SSH-2.0-OpenSSH_9\r\n"), id="not HTTP"),
    pytest.param(says(HEAD + b"Content-Encoding: br\r\n\r\nxyz"), id="an unknown compression"),
    pytest.param(says(HEAD + b"Content-Encoding: gzip\r\n\r\nxyz"), id="broken gzip"),
])
def test_cut_is_unknown(script: Script) -> None:
    """Whatever follows the request, it may have been processed."""
    with server(script, says(WHOLE)) as (endpoints, seen):
        result, _ = over_socket(endpoints)
        assert isinstance(result, TraktUnavailable) and result.outcome_unknown
        assert len(seen) == 1
        assert over_socket(endpoints)[0].access_token == "at-new"


DRIP = [b"x"] * 40


@pytest.mark.parametrize("script", [
    pytest.param(says(hold=5), id="silence"),
    pytest.param(says(HEAD, *[b"X-Drip: 1\r\n"] * 40, pause=0.1), id="dripping headers"),
    pytest.param(says(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 40, pause=0.1), id="100 for ever"),
    pytest.param(says(HEAD + b"\r\n", *DRIP, pause=0.1), id="dripping body"),
    pytest.param(says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 40,
                      pause=0.1), id="dripping chunks"),
])
def test_slow_answers_end_with_the_budget(script: Script) -> None:
    """The budget bounds the answer, not each of its reads."""
    with server(script) as (endpoints, _):
        begun = time.monotonic()
        result, _ = over_socket(endpoints, budget=0.6)
        assert time.monotonic() - begun < 2
    assert isinstance(result, TraktUnavailable) and result.outcome_unknown


def test_tokens_that_came_before_the_deadline() -> None:
    """An answer that never ends is used when the tokens in it are whole."""
    with server(says(HEAD + b"\r\n" + BODY, hold=5)) as (endpoints, _):
        result, _ = over_socket(endpoints, budget=0.6)
    assert result.access_token == "at-new"


class TheirAdapter(HTTPAdapter):
    """A caller's own: what it raises, it raises when it has sent."""

    raised: Exception | None = None

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        response = super().send(*args, **kwargs)
        if self.raised:
            raise self.raised
        return response


def their_session(raised: Exception | None = None) -> requests.Session:
    session, adapter = requests.Session(), TheirAdapter()
    adapter.raised = raised
    session.mount("http://", adapter)
    return session


class Odd(Exception):
    """Nobody knows it."""


@pytest.mark.parametrize("raised", [
    Odd(), RuntimeError(), KeyError("x"), ValueError(), OSError(5, "x"), AssertionError(),
    ConnectionRefusedError(), socket.gaierror(-2, "x"), MemoryError(),
    requests.ConnectionError(), requests.ConnectTimeout(), requests.exceptions.SSLError("x"),
    requests.exceptions.ProxyError(), requests.exceptions.InvalidURL(),
    requests.exceptions.InvalidHeader(), requests.exceptions.InvalidSchema(),
    requests.exceptions.InvalidProxyURL(), requests.exceptions.MissingSchema(),
], ids=repr)
def test_whatever_the_callers_session_raises_it_may_have_sent(raised: Exception) -> None:
    """It is unknown then, and not sent again; in each of these cases the token was spent."""
    with server(says(WHOLE), says(WHOLE)) as (endpoints, seen):
        result, _ = over_socket(endpoints, session=their_session(raised))
        assert len(seen) == 1
    assert isinstance(result, TraktUnavailable) and result.outcome_unknown


@pytest.mark.parametrize("raised", [Odd("s3cret"), NameError("s3cret"), requests.RequestException(
    "s3cret", request=requests.Request("POST", data="s3cret"))], ids=repr)
def test_what_the_callers_session_raises_is_named_and_not_shown(raised: Exception) -> None:
    with server(says(WHOLE)) as (endpoints, _):
        result, _ = over_socket(endpoints, session=their_session(raised))
    assert isinstance(result, TraktUnavailable)
    said = f"the session raised {type(raised).__name__} (in line "
    assert said in result.message and result.message.endswith(" of test_token.py)")
    assert result.hint.endswith(" Correct the session, or its adapter.")
    assert (result.__cause__, result.__context__) == (None, None) and "s3cret" not in str(result)


def test_a_session_that_cannot_connect_has_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result, _ = over_socket(Endpoints(f"http://127.0.0.1:{port}"), session=their_session())
    assert "refused the connection" in str(result) and not result.outcome_unknown


def test_a_session_that_retries_by_itself_may_have_sent() -> None:
    """The last of its tries says nothing of the first."""
    session = their_session()
    retry = urllib3.Retry(total=2, allowed_methods=None, backoff_factor=0)
    session.get_adapter("http://").max_retries = retry  # type: ignore[attr-defined]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def lose_one() -> None:
            connection, _ = listener.accept()
            listener.close()
            with connection:
                read_request(connection)

        thread = threading.Thread(target=lose_one)
        thread.start()
        result, _ = over_socket(Endpoints(address), session=session)
        thread.join()
    assert "refused the connection" in str(result) and result.outcome_unknown


def test_a_plain_session_lends_its_settings() -> None:
    """No more than those: its retries would send more than is promised."""
    with server(says(), says(WHOLE)) as (endpoints, seen):
        session = requests.Session()
        session.mount("http://", HTTPAdapter(max_retries=urllib3.Retry(3, allowed_methods=None)))
        result, _ = over_socket(endpoints, session=session)
        assert result.outcome_unknown and len(seen) == 1
    session.proxies = {"https": "http://127.0.0.1:1"}
    result, _ = over_socket(Endpoints("https://auth.trakt.tv"), session=session)
    assert "proxy" in str(result) and not result.outcome_unknown


def test_dripping_body_with_the_callers_session() -> None:
    """Its connections cannot be cut, but the body is still bounded."""
    with server(says(HEAD + b"\r\n", *DRIP, pause=0.1)) as (endpoints, _), \
            their_session() as session:
        begun = time.monotonic()
        result, _ = over_socket(endpoints, budget=0.6, session=session)
        assert time.monotonic() - begun < 2
    assert isinstance(result, TraktUnavailable) and result.outcome_unknown


def test_gzip_bomb() -> None:
    """256 KiB after decompression, and no more in memory."""
    bomb = gzip.compress(b"x" * 50_000_000)
    with server(says(HEAD + b"Content-Encoding: gzip\r\n\r\n" + bomb)) as (endpoints, _):
        result, recorded = over_socket(endpoints)
    assert result.outcome_unknown and len(recorded[0]) == 256 * 1024


def test_redirect_is_not_read_or_followed() -> None:
    """requests alone would read all of a redirect's body."""
    endless = b"HTTP/1.1 307 X\r\nLocation: /elsewhere\r\n\r\n"
    with server(says(endless, *[b"x" * 65536] * 40), says(WHOLE)) as (endpoints, seen):
        result, _ = over_socket(endpoints)
        assert result.outcome_unknown and len(seen) == 1


def test_each_request_has_its_own_connection() -> None:
    """A kept connection that has gone stale would look like a lost answer."""
    with server(says(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"), says(WHOLE)) as (
            endpoints, seen):
        result, _ = over_socket(endpoints, retry_unknown=True)
    assert result.access_token == "at-new" and len(seen) == 2


def test_refused_connection_is_not_sent() -> None:
    """Three tries, and a plain word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result, _ = over_socket(Endpoints(f"http://127.0.0.1:{port}"))
    assert "refused the connection" in str(result) and not result.outcome_unknown


def test_unresolved_name_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host is named."""
    def getaddrinfo(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    result, _ = over_socket(Endpoints())
    assert "auth.trakt.tv could not be resolved" in str(result) and not result.outcome_unknown


def test_failed_tls_is_not_sent() -> None:
    """A handshake that ends before the body leaves."""
    with handshakes(b"HTTP/1.1 400 plain HTTP here\r\n\r\n") as port:
        result, _ = over_socket(Endpoints(f"https://127.0.0.1:{port}"))
    assert isinstance(result, TraktUnavailable) and not result.outcome_unknown
    assert "TLS" in str(result)


@contextlib.contextmanager
def handshakes(answer: bytes, pause: float = 0.0) -> Iterator[int]:
    """A server that answers the first bytes of every client with `answer`, byte by byte."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    for byte in answer:
                        connection.sendall(bytes([byte]))
                        time.sleep(pause)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_dripping_tls_handshake_ends_with_the_budget() -> None:
    """The socket is cut although nobody holds the TLS object yet; nothing was sent."""
    record = b"\x16\x03\x03\x40\x00" + b"\x02\x00\x3f\xfc" + b"\x03\x03" + b"x" * 25
    with handshakes(record, pause=0.1) as port:
        begun = time.monotonic()
        result, _ = over_socket(Endpoints(f"https://127.0.0.1:{port}"), budget=0.6)
        assert time.monotonic() - begun < 2.5
    assert isinstance(result, TraktUnavailable) and not result.outcome_unknown


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_proxy_that_refuses_is_not_sent(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Proxies from the environment are used; their refusal comes before the body."""
    refusal = says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    with server(refusal, refusal, refusal) as (endpoints, seen):
        monkeypatch.setenv(variable, endpoints.oauth)
        result, _ = over_socket(Endpoints())
    assert len(seen) == 3
    assert all(request.startswith(b"CONNECT auth.trakt.tv:443 HTTP/1.") for request in seen)
    assert isinstance(result, TraktUnavailable) and not result.outcome_unknown
    assert "proxy" in str(result)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_this_machine_bypasses_proxies(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """The sandbox works behind any proxy."""
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with server(says(WHOLE)) as (endpoints, _):
        assert over_socket(endpoints)[0].access_token == "at-new"


@pytest.mark.parametrize("name, value, words", [
    ("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem", "REQUESTS_CA_BUNDLE"),
    ("HTTPS_PROXY", "http://", "HTTPS_PROXY"),
    ("HTTPS_PROXY", "socks5h://127.0.0.1:1", ""),
    ("HTTPS_PROXY", "http://127.0.0.1:bad", ""),
])
def test_broken_environment_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str,
                                     words: str) -> None:
    """Not a traceback of requests."""
    monkeypatch.setenv(name, value)
    result, _ = over_socket(Endpoints("https://127.0.0.2:9" if name != "HTTPS_PROXY"
                                      else "https://auth.trakt.tv"))
    assert isinstance(result, TraktUnavailable) and not result.outcome_unknown
    assert words in str(result)


@pytest.mark.parametrize("value", [
    ":::", "http://", "http://:80", "//", "/", "http://[::1", "http://[bad]:1", "http://a b:1",
    "http://h:99999", "http://h:-1", "http://h:x", "foo://127.0.0.1:1", "http://127.0.0.1:1\n",
    "http://user@:1", "@", "http://%zz:1", "http://" + "a" * 300, "http://.", "http://a..b:1", "[",
    "https://", "http:/127.0.0.1", "\udce9", "socks5://127.0.0.1:1",
])
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
def test_an_address_that_no_proxy_can_have(monkeypatch: pytest.MonkeyPatch, variable: str,
                                           value: str) -> None:
    monkeypatch.setenv(variable, value)
    result, _ = over_socket(Endpoints())
    assert isinstance(result, TraktUnavailable) and not result.outcome_unknown
    assert "the proxy" in result.message and "HTTPS_PROXY and ALL_PROXY" in result.hint


def test_no_file_descriptors_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")
    monkeypatch.setattr(socket, "socket", no_socket)
    result, _ = over_socket(Endpoints("http://127.0.0.1:9"))
    assert "no file descriptors left" in str(result) and not result.outcome_unknown


def test_a_server_that_quotes_what_was_not_sent_is_masked_as_well() -> None:
    """All secrets of the config, whichever this request carried; 12 characters of one are one."""
    others = [Secret("at-an0ther-t0ken-0f-the-file"), Secret("A9B8C7D6")]
    said = f"what of at-an0ther-t0 and A9B8C7D6 and {CLIENT_SECRET[4:]}"
    refusal = error("invalid_request", said)
    asked: list[Callable[[TraktClient], object]] = [
        lambda trakt: trakt.exchange(REFRESH, record=print, retry_unknown=False),
        lambda trakt: trakt.device_code(), lambda trakt: trakt.revoke(Secret("x" * 9))]
    for ask in asked:
        with requests_mock.Mocker() as trakt, pytest.raises(ClientRejected) as caught:
            trakt.post(requests_mock.ANY, **refusal)
            ask(TraktClient(CLIENT, secrets=others))
        assert '"what of ******** and ******** and ********"' in str(caught.value)


def test_stray_bytes_beside_an_error_do_no_harm() -> None:
    body = b'{"error": "invalid_grant", "note": "\xff\xfe"}'
    result, _, _, _ = run([{"status_code": 400, "content": body}])
    assert isinstance(result, LoginRequired)


def hostile(dice: random.Random) -> tuple[bytes, bool]:
    """An answer, and whether it is whole and holds tokens that can be used."""
    body = dice.choice([
        BODY, BODY[:-1] + b', "note": "\xff\xfe"}', b"\xef\xbb\xbf" + BODY, b" \n" + BODY])
    good = True
    if dice.random() < 0.5:
        body, good = dice.choice([
            b"", b"{}", b"[]", b"null", b"[" * 99999, b"\xff" * 99,
            BODY[:dice.randrange(len(BODY))],
            b'{"access_token": 1}', b'{"access_token": "\\ud800", "refresh_token": []}',
            b'{"access_token": "a\\nb"}', b"9" * 9999, b'{"error": {}}', BODY * 2,
            b'{"refresh_token": "x", "expires_in": 1e999}', b'{"error": "invalid_grant"}']), False
    status = dice.choice([b"200 OK", b"200", b"201 \xff", b"299 " + b"x" * 99])
    if dice.random() < 0.4:
        status, good = dice.choice([
            b"400 Bad", b"401 x", b"999 x", b"1000 x", b"-1 x", b"abc", b"", b"500", b"304 x",
            b"204 x", b"101 x", b"307 x", b"429 x", b"423 x", b"\xff"]), False
    interim = b"".join(b"HTTP/1.1 %d x\r\nX: y\r\n\r\n" % code for code in dice.choices(
        [100, 102, 103, 199], k=dice.randrange(3)))
    framing, framed = dice.choice([
        (b"Content-Length: %d\r\n" % len(body), body), (b"Connection: close\r\n", body),
        (b"Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)),
        (b"Content-Encoding: gzip\r\n", gzip.compress(body))])
    if dice.random() < 0.3:
        framing, good = dice.choice([
            b"Content-Length: -5\r\n", b"Content-Length: x\r\n", b"Content-Length: 1, 2\r\n",
            b"Content-Length: " + b"9" * 5000 + b"\r\n", b"Transfer-Encoding: x\r\n",
            b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: deflate\r\n",
            b"Content-Encoding: \xff\r\n"]), False
    junk = b"".join(dice.choices([
        b"Retry-After: " + b"9" * 99 + b"\r\n", b"Retry-After: \xff\r\n", b"X: \xff\x00\r\n",
        b"Retry-After: Mon, 31 Feb 2026 99:99:99 -9999\r\n", b": y\r\n", b"no colon\r\n",
        b"Location: http://[\r\n", b"Content-Type: text/\xff\r\n", b"Set-Cookie: \x01=;;\r\n",
        b"X-" + b"y" * 9999 + b": z\r\n"], k=dice.randrange(4)))
    if dice.random() < 0.05:
        junk, good = dice.choice([b"X: y\r\n" * 200, b"X: " + b"y" * 70000 + b"\r\n"]), False
    return interim + b"HTTP/1.1 " + status + b"\r\n" + framing + junk + b"\r\n" + framed, good


def test_no_answer_surprises_us() -> None:
    """Only our exceptions come out, and tokens where a whole answer has them."""
    count = 5000 if FULL else 400
    answers = [hostile(random.Random(seed)) for seed in range(count)]
    assert sum(good for _, good in answers) > count / 20
    now = b""
    # Three times as many as there are: one that asks to wait is asked again.
    with server(*[lambda connection: says(now)(connection)] * 3 * count) as (endpoints, _):
        for now, good in answers:
            answer = now
            result, recorded = over_socket(endpoints)
            assert isinstance(result, (Authorization, TraktConfigError)), answer
            if good:
                assert isinstance(result, Authorization) and recorded, (answer, result)


def test_no_log_shows_a_secret(caplog: pytest.LogCaptureFixture,
                               capsys: pytest.CaptureFixture[str],
                               monkeypatch: pytest.MonkeyPatch) -> None:
    """urllib3 and http.client at their most talkative included."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    caplog.set_level(logging.DEBUG)
    with server(says(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"), says(WHOLE)) as (
            endpoints, _):
        over_socket(endpoints, retry_unknown=True)
    shown = caplog.text + "".join(capsys.readouterr())
    assert "trying again in 5 s" in shown and "/oauth/token" in shown
    for secret in (*SECRETS, "at-new", "rt-new"):
        assert secret not in shown


def test_import_does_not_load_requests() -> None:
    """A fresh run sends nothing and does not pay for it."""
    code = "import sys, trakt_config.oauth; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
