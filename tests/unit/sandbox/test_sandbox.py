"""The sandbox keeps Trakt's rules, fails as it is told, and remembers what it was asked."""
from __future__ import annotations

import json
import logging
import random
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

import trakt_config
from tests.support.injection import FULL
from trakt_config.cli import sandbox as sandbox_command
from trakt_config.sandbox import CLIENT_ID, Hold, api
from trakt_config.sandbox import sandbox as sandbox_module
from trakt_config.sandbox.issuer import OUT_OF_BAND, challenge_for
from trakt_config.sandbox.sandbox import Answer, Sandbox

CALLBACK = "http://127.0.0.1:8765/callback?from=trakt"
VERIFIER = "v" * 43


def headers(sandbox: Sandbox, **changes: str | None) -> dict[str, Any]:
    """Trakt's headers; a change to None sends a header's default, or leaves it out."""
    usual = {"Content-Type": "application/json", "User-Agent": "trakt_config/0",
             "trakt-api-version": "2", "trakt-api-key": sandbox.client_id}
    return {**usual, **{name.replace("_", "-"): value for name, value in changes.items()}}


def post(sandbox: Sandbox, path: str, body: object, **changes: Any) -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(sandbox.url + path, data=data, headers=headers(sandbox, **changes),
                         timeout=10, allow_redirects=False)


def get(sandbox: Sandbox, path: str, token: str) -> requests.Response:
    return requests.get(sandbox.url + path, timeout=10,
                        headers=headers(sandbox, Authorization=f"Bearer {token}"))


def code_body(sandbox: Sandbox, code: str, **changes: Any) -> dict[str, Any]:
    return body_of(sandbox, {"grant_type": "authorization_code", "code": code, **changes})


def refresh_body(sandbox: Sandbox, token: str, **changes: Any) -> dict[str, Any]:
    return body_of(sandbox, {"grant_type": "refresh_token", "refresh_token": token, **changes})


def body_of(sandbox: Sandbox, changes: dict[str, Any]) -> dict[str, Any]:
    """The keys of every token request, with changes; a change to None leaves a key out."""
    body = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret,
            "redirect_uri": OUT_OF_BAND, **changes}
    return {name: value for name, value in body.items() if value is not None}


def exchange(sandbox: Sandbox, code: str, **changes: Any) -> requests.Response:
    return post(sandbox, "/oauth/token", code_body(sandbox, code, **changes))


def refresh(sandbox: Sandbox, token: str, **changes: Any) -> requests.Response:
    return post(sandbox, "/oauth/token", refresh_body(sandbox, token, **changes))


def test_code_gives_six_values_of_trakts_shape() -> None:
    with Sandbox(clock=lambda: 1795000000.9) as sandbox:
        code = sandbox.issue_code()
        answer = exchange(sandbox, code).json()
    assert re.fullmatch(r"[0-9A-F]{8}", code)
    assert "eight hexadecimal digits" in (Sandbox.issue_code.__doc__ or "")
    assert re.fullmatch(r"[0-9a-f]{64}", answer.pop("access_token"))
    assert re.fullmatch(r"[0-9a-f]{64}", answer.pop("refresh_token"))
    assert answer == {"token_type": "bearer", "expires_in": 604800, "scope": "public",
                      "created_at": 1795000000}


def test_what_it_serves_is_in_its_help(sandbox: Sandbox) -> None:
    """All of it, in that of the module and of the command, and how a page is added."""
    listed = {(method, path) for methods, path in re.findall(
        r"(?m)^    ([A-Z][A-Z, ]*?) +(/\S*)  ", trakt_config.sandbox.__doc__ or "")
        for method in methods.split(", ")}
    assert listed == set(api._ENDPOINTS)
    assert set(re.findall(r"/[a-z/]*", sandbox_command.DESCRIPTION)) == {
        path for _, path in api._ENDPOINTS}
    example = next(line for line in (trakt_config.sandbox.__doc__ or "").splitlines()
                   if "sandbox.answer(" in line)
    exec(example.strip(), {"sandbox": sandbox, "Answer": Answer})
    assert [requests.get(f"{sandbox.url}/sync/history", timeout=10).status_code
            for _ in range(2)] == [200, 404]


def test_client_id_and_secret_look_like_trakts_and_differ(sandbox: Sandbox) -> None:
    for value in (sandbox.client_id, sandbox.client_secret):
        assert re.fullmatch(r"fa4e[0-9a-f]{60}", value)
    assert sandbox.client_id[:12] not in sandbox.client_secret * 2


def test_code_works_once(sandbox: Sandbox) -> None:
    code = sandbox.issue_code()
    assert [exchange(sandbox, code).status_code for _ in range(2)] == [200, 400]
    assert [request.reuse for request in sandbox.ledger] == [False, True]


def test_code_dies_after_ten_minutes() -> None:
    now = [1000.0]
    with Sandbox(clock=lambda: now[0]) as sandbox:
        in_time, too_late = sandbox.issue_code(), sandbox.issue_code()
        now[0] += 599
        assert exchange(sandbox, in_time).ok
        now[0] += 1
        assert exchange(sandbox, too_late).json()["error"] == "invalid_grant"


def test_refresh_rotates_and_keeps_the_old_access_token(sandbox: Sandbox) -> None:
    old = sandbox.issue_authorization()
    new = refresh(sandbox, old["refresh_token"]).json()
    assert not sandbox.honours_refresh(old["refresh_token"])
    assert sandbox.honours_access(old["access_token"])
    assert sandbox.honours_refresh(new["refresh_token"])
    assert sandbox.honours_access(new["access_token"])


@pytest.mark.parametrize("family_revocation", [False, True])
def test_second_use_of_a_refresh_token_is_noted(family_revocation: bool) -> None:
    with Sandbox(family_revocation=family_revocation) as sandbox:
        old = sandbox.issue_authorization()
        new = refresh(sandbox, old["refresh_token"]).json()
        again = refresh(sandbox, old["refresh_token"])
        assert again.status_code == 400 and again.json()["error"] == "invalid_grant"
        assert [request.reuse for request in sandbox.token_requests] == [False, True]
        assert sandbox.honours_refresh(new["refresh_token"]) is not family_revocation


@pytest.mark.parametrize("change, error", [
    pytest.param({"client_id": None}, "invalid_request", id="no client_id"),
    pytest.param({"client_id": "unknown"}, "invalid_client", id="unknown client_id"),
    pytest.param({"client_id": ["a"]}, "invalid_client", id="client_id of another type"),
    pytest.param({"client_secret": "wrong"}, "invalid_client", id="wrong client_secret"),
    pytest.param({"redirect_uri": None}, "invalid_request", id="no redirect_uri"),
    pytest.param({"redirect_uri": OUT_OF_BAND.upper()}, "invalid_request",
                 id="redirect_uri in another case"),
    pytest.param({"grant_type": "password"}, "unsupported_grant_type", id="other grant_type"),
    pytest.param({"refresh_token": "unknown"}, "invalid_grant", id="unknown refresh_token"),
    pytest.param({"refresh_token": {"a": 1}}, "invalid_grant", id="refresh_token of another type"),
])
def test_refusal_spends_nothing(sandbox: Sandbox, change: dict[str, Any], error: str) -> None:
    token = sandbox.issue_authorization()["refresh_token"]
    answer = refresh(sandbox, token, **change)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert sandbox.honours_refresh(token)
    assert not sandbox.ledger[0].issued


def test_client_secret_may_be_left_out_unless_it_is_required() -> None:
    for required, status in ((False, 200), (True, 400)):
        with Sandbox(secret_required=required) as sandbox:
            code = sandbox.issue_code()
            assert exchange(sandbox, code, client_secret=None).status_code == status


@pytest.mark.parametrize("changes, status", [
    pytest.param({"Content_Type": "application/x-www-form-urlencoded"}, 412, id="form"),
    pytest.param({"Content_Type": None}, 412, id="no content type"),
    pytest.param({"Content_Type": "application/json; charset=utf-8"}, 200, id="charset"),
    pytest.param({"User_Agent": None}, 403, id="no user agent: requests sends its own"),
    pytest.param({"User_Agent": ""}, 403, id="empty user agent"),
    pytest.param({"User_Agent": "Python-urllib/3.11"}, 403, id="a library's user agent"),
    pytest.param({"trakt_api_version": None}, 200, id="no version"),
    pytest.param({"trakt_api_key": "other"}, 403, id="key of another app"),
])
def test_headers_are_checked(sandbox: Sandbox, changes: dict[str, Any], status: int) -> None:
    body = code_body(sandbox, sandbox.issue_code())
    answer = post(sandbox, "/oauth/token", body, **changes)
    assert answer.status_code == status
    if "User_Agent" in changes:
        assert answer.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("body", [b"", b"code=1", b"[]", b"null", b"\xff", b"[" * 100000])
def test_body_has_to_be_a_json_object(sandbox: Sandbox, body: bytes) -> None:
    answer = post(sandbox, "/oauth/token", body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert sandbox.ledger[0].body is None


@pytest.mark.parametrize("challenge, verifier, status", [
    pytest.param(challenge_for(VERIFIER), VERIFIER, 200, id="right verifier"),
    pytest.param(challenge_for(VERIFIER), "w" * 43, 400, id="wrong verifier"),
    pytest.param(challenge_for(VERIFIER), None, 400, id="no verifier"),
    pytest.param(challenge_for("short"), "short", 400, id="verifier below 43 characters"),
    pytest.param(None, VERIFIER, 400, id="verifier without a challenge"),
])
def test_pkce(sandbox: Sandbox, challenge: str, verifier: str, status: int) -> None:
    code = sandbox.issue_code(code_challenge=challenge)
    assert exchange(sandbox, code, code_verifier=verifier).status_code == status


def test_challenge_is_that_of_rfc_7636_appendix_b() -> None:
    assert (challenge_for("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
            == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")


def test_new_server_refuses_codes_that_came_without_a_challenge() -> None:
    with Sandbox(new_server=True) as sandbox:
        assert exchange(sandbox, sandbox.issue_code()).status_code == 400
        code = sandbox.issue_code(code_challenge=challenge_for(VERIFIER))
        assert exchange(sandbox, code, code_verifier=VERIFIER).ok


def test_access_tokens_open_settings_and_watchlist(sandbox: Sandbox) -> None:
    token = sandbox.issue_authorization()["access_token"]
    assert get(sandbox, "/users/settings", token).json()["user"]["ids"]["slug"] == "sandbox"
    assert get(sandbox, "/sync/watchlist", token).json()[0]["movie"]["year"] == 1926


@pytest.mark.parametrize("end", ["expired", "revoked", "all revoked", "too old", "unknown"])
def test_ended_access_tokens_open_nothing(sandbox: Sandbox, end: str) -> None:
    old: dict[str, Any] = {"created_at": 1000, "expires_in": 100} if end == "too old" else {}
    issued = sandbox.issue_authorization(**old)
    token = "unknown" if end == "unknown" else issued["access_token"]
    if end == "expired":
        sandbox.expire(token)
    if end == "revoked":
        body = {"token": token, "client_id": sandbox.client_id}
        assert post(sandbox, "/oauth/revoke", body).ok
    if end == "all revoked":
        sandbox.revoke_all()
    assert get(sandbox, "/users/settings", token).status_code == 401
    assert not sandbox.honours_access(token)
    assert get(sandbox, "/users/settings", "").status_code == 401
    revoked = end in ("revoked", "all revoked")
    assert sandbox.honours_refresh(issued["refresh_token"]) is not revoked
    assert refresh(sandbox, issued["refresh_token"]).ok is not revoked


def test_revoking_an_unknown_token_is_no_error(sandbox: Sandbox) -> None:
    body = {"token": "unknown", "client_id": sandbox.client_id}
    assert post(sandbox, "/oauth/revoke", body).status_code == 200


def test_redirect_uri_of_a_refresh_is_that_of_the_code(sandbox: Sandbox) -> None:
    answer = exchange(sandbox, sandbox.issue_code(CALLBACK), redirect_uri=CALLBACK).json()
    assert refresh(sandbox, answer["refresh_token"]).status_code == 400
    assert refresh(sandbox, answer["refresh_token"], redirect_uri=CALLBACK).ok


def test_device_code_from_the_start_to_the_tokens() -> None:
    now = [1000.0]
    with Sandbox(clock=lambda: now[0]) as sandbox:
        client = {"client_id": sandbox.client_id}
        device = post(sandbox, "/oauth/device/code", client).json()

        def poll(after: float, code: str = device["device_code"]) -> int:
            now[0] += after
            return post(sandbox, "/oauth/device/token", {"code": code, **client}).status_code

        assert device["verification_url"] == f"{sandbox.url}/activate"
        assert (device["expires_in"], device["interval"]) == (600, 5)
        assert len(device["user_code"]) == 8
        assert [poll(0, "unknown"), poll(0), poll(4), poll(5)] == [404, 400, 429, 400]
        assert sandbox.activate(device["user_code"].lower())
        assert [poll(5), poll(5)] == [200, 409]
        assert sandbox.ledger[-2].grant == "device_code" and sandbox.ledger[-2].issued


@pytest.mark.parametrize("allow, later, status", [(False, 5, 418), (None, 600, 410)])
def test_device_code_denied_or_expired(allow: bool | None, later: float, status: int) -> None:
    now = [1000.0]
    with Sandbox(clock=lambda: now[0]) as sandbox:
        client = {"client_id": sandbox.client_id}
        device = post(sandbox, "/oauth/device/code", client).json()
        if allow is not None:
            sandbox.activate(device["user_code"], allow=allow)
        now[0] += later
        answer = post(sandbox, "/oauth/device/token", {"code": device["device_code"], **client})
        assert (answer.status_code, answer.content) == (status, b"")
        assert not sandbox.activate(device["user_code"])


def authorize_address(sandbox: Sandbox, **changes: str | None) -> str:
    query = {"response_type": "code", "client_id": sandbox.client_id,
             "redirect_uri": CALLBACK, "state": 'a&b"<c>', **changes}
    given = {name: value for name, value in query.items() if value is not None}
    return f"{sandbox.url}/oauth/authorize?{urlencode(given)}"


def click(address: str, decision: str) -> requests.Response:
    """Open the page and submit its form."""
    page = requests.get(address, timeout=10)
    assert page.status_code == 200 and 'name="decision"' in page.text
    form = dict(parse_qs(urlsplit(address).query), decision=[decision])
    return requests.post(address.split("?")[0], data=form, timeout=10, allow_redirects=False)


def test_browser_is_redirected_with_code_and_state(sandbox: Sandbox) -> None:
    answer = click(authorize_address(sandbox), "allow")
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert answer.status_code == 302 and answer.headers["Location"].startswith(CALLBACK + "&")
    assert query["state"] == ['a&b"<c>'] and query["from"] == ["trakt"]
    assert exchange(sandbox, query["code"][0], redirect_uri=CALLBACK).ok


def test_browser_is_redirected_with_the_denial(sandbox: Sandbox) -> None:
    answer = click(authorize_address(sandbox), "deny")
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["error"] == ["access_denied"] and query["state"] == ['a&b"<c>']
    assert "code" not in query


def test_out_of_band_shows_the_pin(sandbox: Sandbox) -> None:
    address = authorize_address(sandbox, redirect_uri=OUT_OF_BAND)
    found = re.search(r"<code>([0-9A-F]{8})</code>", click(address, "allow").text)
    assert found and exchange(sandbox, found.group(1)).ok
    assert "<code>" not in click(address, "deny").text


def test_sign_in_does_what_the_pages_do(sandbox: Sandbox) -> None:
    challenge = {"code_challenge": challenge_for(VERIFIER), "code_challenge_method": "S256"}
    redirected = sandbox.sign_in(authorize_address(sandbox, **challenge))
    code = parse_qs(urlsplit(redirected).query)["code"][0]
    assert exchange(sandbox, code, redirect_uri=CALLBACK, code_verifier=VERIFIER).ok
    assert "access_denied" in sandbox.sign_in(authorize_address(sandbox), allow=False)
    pin = sandbox.sign_in(authorize_address(sandbox, redirect_uri=OUT_OF_BAND))
    assert exchange(sandbox, pin).ok


@pytest.mark.parametrize("changes", [
    {"client_id": "unknown"}, {"response_type": "token"}, {"redirect_uri": None},
    {"redirect_uri": "javascript:alert(1)"}, {"redirect_uri": "http://[/"},
    {"redirect_uri": CALLBACK + "#x"}, {"code_challenge": "short"},
    {"code_challenge": challenge_for(VERIFIER), "code_challenge_method": "plain"},
])
def test_wrong_authorize_address_is_refused_on_a_page(sandbox: Sandbox, changes: Any) -> None:
    for method in ("GET", "POST"):
        answer = requests.request(method, authorize_address(sandbox, **changes), timeout=10,
                                  allow_redirects=False)
        assert answer.status_code == 400 and "<h1>" in answer.text


def test_pages_escape_what_they_show(sandbox: Sandbox) -> None:
    evil = '"><script>alert(1)</script>'
    texts = [requests.get(authorize_address(sandbox, state=evil), timeout=10).text,
             requests.get(f"{sandbox.url}/activate", {"user_code": evil}, timeout=10).text]
    assert all("<script" not in text and "&lt;script&gt;" in text for text in texts)


def test_activate_page(sandbox: Sandbox) -> None:
    device = post(sandbox, "/oauth/device/code", {"client_id": sandbox.client_id}).json()
    form = {"user_code": f" {device['user_code']} ", "decision": "allow"}
    first, second = (requests.post(device["verification_url"], form, timeout=10) for _ in "12")
    assert (first.status_code, second.status_code) == (200, 404)


@pytest.mark.parametrize("path, filled_in", [
    ("/activate", ""), ("/activate/", ""), ("/activate/AB12CD34", "AB12CD34"),
    ("/activate?user_code=AB12CD34", "AB12CD34")])
def test_activate_page_has_the_code_of_its_address(path: str, filled_in: str,
                                                   sandbox: Sandbox) -> None:
    page = requests.get(sandbox.url + path, timeout=10).text
    assert f'name="user_code" value="{filled_in}"' in page


def test_wrong_user_code_can_be_corrected_on_the_page(sandbox: Sandbox) -> None:
    answer = requests.post(f"{sandbox.url}/activate", {"user_code": "WRONG", "decision": "allow"},
                           timeout=10)
    assert answer.status_code == 404
    assert "No device waits" in answer.text and 'name="user_code"' in answer.text


def test_first_page_leads_to_the_others(sandbox: Sandbox) -> None:
    page = requests.get(sandbox.url, timeout=10).text
    assert 'href="/activate"' in page
    found = re.search(r'href="([^"]+/oauth/authorize[^"]*)"', page)
    assert found and found[1].replace("&amp;", "&") == sandbox.pin_address
    pin = re.search(r"<code>([0-9A-F]{8})</code>", click(sandbox.pin_address, "allow").text)
    assert pin and exchange(sandbox, pin.group(1)).ok


@pytest.mark.parametrize("path", ["/", "/activate"])
def test_pages_load_nothing_from_elsewhere(sandbox: Sandbox, path: str) -> None:
    page = requests.get(sandbox.url + path, timeout=10).text
    assert not re.search(r"(src|href)=.(https?:)?//(?!127\.0\.0\.1)|@import|url\(", page)


def test_unknown_pages_and_methods(sandbox: Sandbox) -> None:
    assert requests.get(sandbox.url + "/nothing", timeout=10).status_code == 404
    assert requests.get(sandbox.url + "/oauth/token", timeout=10).status_code == 405
    assert requests.head(sandbox.url + "/activate", timeout=10).status_code == 405


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
                                    "PROPFIND", "M-SEARCH"])
@pytest.mark.sampled(1)
def test_every_method_gets_the_queued_answer_and_is_in_the_ledger(method: str,
                                                                  sandbox: Sandbox) -> None:
    """Those that nobody asks Trakt with are a host's mistake, which its tests have to see."""
    sandbox.answer(Answer(503))
    statuses = [requests.request(method, sandbox.url + "/oauth/token", timeout=10).status_code
                for _ in "12"]
    assert statuses == [503, 405]
    assert [(request.method, request.status) for request in sandbox.ledger] \
        == [(method, 503), (method, 405)]


@pytest.mark.parametrize("size, status", [(b"999999", 413), (b"-1", 400), (b"many", 400)])
def test_a_body_that_is_not_read_is_in_the_ledger(size: bytes, status: int,
                                                  sandbox: Sandbox) -> None:
    sandbox.answer(Answer(503))
    heads = []
    for _ in "12":
        with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])),
                                      timeout=10) as client:
            client.sendall(b"POST /oauth/token HTTP/1.1\r\nContent-Length: " + size
                           + b"\r\n\r\n")
            heads.append(int(client.makefile("rb").readline().split()[1]))
    assert heads == [503, status] == [request.status for request in sandbox.ledger]
    assert {request.body for request in sandbox.ledger} == {None}


def test_answer_is_sent_instead(sandbox: Sandbox) -> None:
    token = sandbox.issue_authorization()["refresh_token"]
    sandbox.answer(Answer(429, b"slow", {"Retry-After": "7"}), times=2)
    answers = [refresh(sandbox, token) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert (answers[0].text, answers[0].headers["Retry-After"]) == ("slow", "7")


def test_answer_can_process_and_then_say_something_else(sandbox: Sandbox) -> None:
    token = sandbox.issue_authorization()["refresh_token"]
    sandbox.answer(Answer(502, b"<html>", process=True))
    assert refresh(sandbox, token).text == "<html>"
    assert not sandbox.honours_refresh(token)
    assert (sandbox.ledger[0].status, sandbox.ledger[0].issued) == (502, True)


@pytest.mark.parametrize("cut", ["close", "reset", "body"])
@pytest.mark.parametrize("process", [False, True])
def test_cut_connections(sandbox: Sandbox, cut: str, process: bool) -> None:
    token = sandbox.issue_authorization()["refresh_token"]
    body = None if process else b"0123456789"
    sandbox.answer(Answer(process=process, cut=cut, body=body))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        refresh(sandbox, token)
    assert sandbox.honours_refresh(token) is not process
    assert sandbox.ledger[0].status == (200 if cut == "body" else None)


def test_wrong_content_length(sandbox: Sandbox) -> None:
    sandbox.answer(Answer(body=b"0123456789", content_length=4))
    assert refresh(sandbox, "").content == b"0123"


def test_gzip_and_padding(sandbox: Sandbox) -> None:
    token = sandbox.issue_authorization()["refresh_token"]
    sandbox.answer(Answer(process=True, gzip=True, padding=1000000))
    answer = refresh(sandbox, token)
    assert int(answer.headers["Content-Length"]) < 10000 < len(answer.content)
    assert sandbox.honours_refresh(answer.json()["refresh_token"])


def test_dripping(sandbox: Sandbox) -> None:
    sandbox.answer(Answer(body=b"0123456789", drip_headers=0.0005, drip_body=0.01))
    begun = time.monotonic()
    assert refresh(sandbox, "").content == b"0123456789"
    assert time.monotonic() - begun > 0.1


@pytest.mark.parametrize("before", [True, False])
def test_hold_keeps_the_request_until_released(sandbox: Sandbox, before: bool) -> None:
    token = sandbox.issue_authorization()["refresh_token"]
    with ThreadPoolExecutor() as pool:
        with sandbox.hold(before=before) as hold:
            answer = pool.submit(refresh, sandbox, token)
            hold.wait()
            assert not answer.done()
            assert sandbox.honours_refresh(token) is before
        assert answer.result(10).ok


def test_waiting_for_a_request_that_never_comes_ends(sandbox: Sandbox) -> None:
    with pytest.raises(TimeoutError, match="no request to /oauth/token arrived"):
        sandbox.hold().wait(0.01)


def test_close_cuts_a_request_that_is_held() -> None:
    with ThreadPoolExecutor() as pool:
        with Sandbox() as sandbox:
            hold = sandbox.hold()
            waiting = pool.submit(refresh, sandbox, "")
            hold.wait()
        assert isinstance(waiting.exception(10), requests.RequestException)


@pytest.mark.parametrize("long", [{"wait_before": 60}, {"wait_after": 60},
                                  {"body": b"12345", "drip_body": 60}], ids=str)
def test_close_cuts_requests_that_wait(long: dict[str, Any]) -> None:
    with ThreadPoolExecutor() as pool:
        with Sandbox() as sandbox:
            hold = Hold()
            sandbox.answer(Answer(hold_before=hold, **long))
            waiting = pool.submit(refresh, sandbox, "")
            hold.wait()
            hold.release()
        assert isinstance(waiting.exception(10), requests.RequestException)


def test_close_frees_the_port_and_may_be_repeated() -> None:
    with Sandbox() as first:
        port = urlsplit(first.url).port or 0
    first.close()
    with Sandbox(port=port) as second:
        assert second.url == first.url


def test_cut_has_to_be_one_of_its_kinds() -> None:
    with pytest.raises(ValueError, match="there is no cut 'half'"):
        Answer(cut="half")


def test_sixty_four_clients_at_once_and_one_spends_the_token(sandbox: Sandbox) -> None:
    token = sandbox.issue_authorization()["refresh_token"]
    together = threading.Barrier(64)

    def client() -> int:
        together.wait(20)
        return refresh(sandbox, token).status_code

    with ThreadPoolExecutor(64) as pool:
        statuses = [job.result(30) for job in [pool.submit(client) for _ in range(64)]]
    assert sorted(statuses) == [200] + [400] * 63
    assert len(sandbox.token_requests) == 64
    assert sum(request.issued for request in sandbox.ledger) == 1


def test_ledger_remembers_the_request(sandbox: Sandbox) -> None:
    token = sandbox.issue_authorization()["refresh_token"]
    refresh(sandbox, token)
    request = sandbox.ledger[0]
    assert (request.method, request.path, request.status) == ("POST", "/oauth/token", 200)
    assert request.headers["user-agent"] == "trakt_config/0"
    assert request.body == refresh_body(sandbox, token)
    assert request.grant == "refresh_token" and abs(request.time - time.time()) < 60


def test_quiet(sandbox: Sandbox, capfd: pytest.CaptureFixture[str],
               caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "trakt_config")
    sandbox.answer(Answer(cut="reset"))
    with pytest.raises(requests.ConnectionError):
        refresh(sandbox, "")
    requests.request("BREW", sandbox.url, timeout=10)
    assert capfd.readouterr() == ("", "") and not caplog.records


def test_bug_of_the_sandbox_is_logged(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch,
                                      caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delattr(sandbox._server, "process")
    with pytest.raises(requests.ConnectionError):
        refresh(sandbox, "")
    assert "the sandbox failed on a request" in caplog.text


def test_api_pages_need_the_app_s_key(sandbox: Sandbox) -> None:
    token = sandbox.issue_authorization()["access_token"]
    for key, status in ((sandbox.client_id, 200), ("other", 403)):
        sent = headers(sandbox, Authorization=f"Bearer {token}", trakt_api_key=key)
        assert requests.get(f"{sandbox.url}/users/settings", headers=sent,
                            timeout=10).status_code == status


def test_two_endpoints_in_the_environment(sandbox: Sandbox) -> None:
    assert sandbox.environ == {"TRAKT_CONFIG_OAUTH_URL": sandbox.url,
                               "TRAKT_CONFIG_API_URL": sandbox.url}


def test_a_refresh_without_the_api_version_is_served(sandbox: Sandbox) -> None:
    """As some hosts send it."""
    token = sandbox.issue_authorization()["refresh_token"]
    body = refresh_body(sandbox, token)
    assert post(sandbox, "/oauth/token", body, trakt_api_version="1").status_code == 400
    assert post(sandbox, "/oauth/token", body, trakt_api_version=None).ok


def test_the_ledger_forgets_its_oldest(sandbox: Sandbox,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "LONGEST_LEDGER", 3)
    with Sandbox() as other:
        for number in range(5):
            get(other, f"/users/settings?{number}", "x")
        assert [request.query for request in other.ledger] == ["2", "3", "4"]


def test_the_ledger_is_bounded_in_size(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few large requests count as many small ones."""
    monkeypatch.setattr(sandbox_module, "LARGEST_LEDGER", 10_000)
    for number in range(6):
        requests.post(f"{sandbox.url}/?{number}", json={"filling": "x" * 2500}, timeout=10)
    assert [request.query for request in sandbox.ledger] == ["3", "4", "5"]
    requests.get(f"{sandbox.url}/", headers={"x-long": "x" * 11_000}, timeout=10)
    assert sandbox.ledger == []


def test_what_is_issued_is_bounded(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are not honoured any more."""
    monkeypatch.setattr("trakt_config.sandbox.issuer.MOST_KNOWN", 3)
    issued = [sandbox.issue_authorization() for _ in range(5)]
    assert [sandbox.honours_refresh(pair["refresh_token"]) for pair in issued] == [
        False, False, True, True, True]
    assert [sandbox.honours_access(pair["access_token"]) for pair in issued] == [
        False, False, True, True, True]
    issuer = sandbox._issuer
    for _ in range(5):
        sandbox.issue_code()
        issuer.issue_device()
    assert (len(issuer._codes), len(issuer._devices)) == (3, 3)


HOSTILE = {
    "start": [b"POST /oauth/token HTTP/1.1", b"GET /users/settings HTTP/1.1", b"PATCH / HTTP/1.1",
              b"POST /oauth/token", b"GET", b"\xff\xfe \x00 \x01", b"POST /oauth/token HTTP/9.9",
              b"GET /oauth/authorize?%ff=%00&state=%ed%a0%80&redirect_uri=http://[ HTTP/1.1",
              b"POST /activate HTTP/1.1", b"POST /oauth/revoke HTTP/x", b"GET " + b"/" * 70000],
    "length": [b"0", b"9" * 5000, b"-1", b"x", b"", b"\xb2", b"1e3", b"99999999", b"+5", b"12"],
    "header": [b"trakt-api-version: 2", b"trakt-api-version: 1", b"no colon", b": nameless",
               b"Content-Type: application/json", b"x: " + b"y" * 70000, b"User-Agent: \xff",
               b"Transfer-Encoding: chunked", b"Authorization: Bearer", b"Expect: 100-continue",
               b"trakt-api-key: " + CLIENT_ID.encode()],
    "body": [b"", b"{", b"[" * 60000, b'{"client_id": []}', b"\xff\x00", b'{"client_id": 1e999}',
             b'{"client_id": "\\ud800"}', b'{"a": ' + b"9" * 5000 + b"}",
             json.dumps({"client_id": CLIENT_ID, "grant_type": ["refresh_token"], "code": {},
                         "refresh_token": [], "redirect_uri": {}, "token": []}).encode(),
             json.dumps({"client_id": CLIENT_ID, "grant_type": "refresh_token",
                         "refresh_token": {}}).encode()],
}


def test_a_malformed_request_is_the_clients_fault(sandbox: Sandbox,
                                                  caplog: pytest.LogCaptureFixture) -> None:
    """It gets a 4xx, or no answer where it is no request at all; never a 5xx or a traceback."""
    dice = random.Random(1)
    for length in [*HOSTILE["length"], *[None] * (2000 if FULL else 150)]:
        request = b"\r\n".join([
            dice.choice(HOSTILE["start"]) if length is None else HOSTILE["start"][0],
            b"User-Agent: trakt_config/0", *dice.sample(HOSTILE["header"], dice.randrange(5)),
            b"Content-Length: " + (dice.choice(HOSTILE["length"]) if length is None else length),
            b"", dice.choice(HOSTILE["body"])])
        answer = _sent(sandbox, request)
        assert re.match(rb"HTTP/1.1 (100|4\d\d|200|302) |$|<!DOCTYPE", answer), (request, answer)
        if length is not None and length not in (b"0", b"12"):
            statuses = re.findall(rb"HTTP/1.1 (\d+)", answer)
            assert not statuses or statuses[-1] in (b"400", b"413", b"431"), request
    assert not caplog.records
    assert refresh(sandbox, sandbox.issue_authorization()["refresh_token"]).ok


def _sent(sandbox: Sandbox, request: bytes) -> bytes:
    answer = b""
    with socket.create_connection(("127.0.0.1", urlsplit(sandbox.url).port or 0), 10) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                answer += piece
        except OSError:  # It was answered before all of it was read.
            pass
    return answer
