"""Sign-in with a device code: what is sent, and what each of Trakt's statuses means."""
from __future__ import annotations

from typing import Any

import pytest
import requests
import requests_mock

from trakt_config.errors import AccountProblem, ClientRejected, TraktConfigError, TraktUnavailable
from trakt_config.oauth import DeviceCode, DevicePoll, TraktClient
from trakt_config.tokens import Authorization, Client, Secret

#: Each row is a rule of its own, and takes a millisecond or two: all of them, in every run.
pytestmark = pytest.mark.sampled(1)

CODE_URL = "https://auth.trakt.tv/oauth/device/code"
TOKEN_URL = "https://auth.trakt.tv/oauth/device/token"
SECRET = "cs-5eb1c0ffee5eb1c0ffee"
CLIENT = Client("client-id", Secret(SECRET))
ANSWER = {"device_code": "dc-0123456789abcdef", "user_code": "AB12CD34",
          "verification_url": "https://trakt.tv/activate", "expires_in": 600, "interval": 5}
CODE = DeviceCode(Secret("dc-0123456789abcdef"), "AB12CD34", "https://trakt.tv/activate", 600, 5)
TOKENS = {"access_token": "at-new", "token_type": "bearer", "expires_in": 604800,
          "refresh_token": "rt-new", "scope": "public", "created_at": 1790000000}


def begin(answer: dict[str, Any]) -> Any:
    with requests_mock.Mocker() as trakt:
        trakt.post(CODE_URL, **answer)
        code = TraktClient(CLIENT, sleep=lambda seconds: None).device_code()
        assert [request.json() for request in trakt.request_history] == [{"client_id": "client-id"}]
    return code


def poll(answer: dict[str, Any], recorded: list[bytes]) -> Any:
    with requests_mock.Mocker() as trakt:
        trakt.post(TOKEN_URL, **answer)
        return TraktClient(CLIENT, sleep=lambda seconds: None).poll(CODE, record=recorded.append)


def test_begin() -> None:
    """The code comes as Trakt gave it, and does not show its secret."""
    code = begin({"json": ANSWER})
    assert code == CODE and "dc-0" not in repr(code)


@pytest.mark.parametrize("change", [
    {"user_code": SECRET}, {"user_code": SECRET[3:15]},
    {"verification_url": f"https://trakt.tv/activate?{SECRET[:14]}"},
])
def test_a_secret_in_what_is_shown_to_the_person(change: dict[str, Any]) -> None:
    """Of the app, or of the config; nobody could sign in with such a code."""
    with pytest.raises(TraktUnavailable, match="cannot be used"):
        begin({"json": {**ANSWER, **change}})
    with requests_mock.Mocker() as trakt, pytest.raises(TraktUnavailable, match="cannot be used"):
        trakt.post(CODE_URL, json={**ANSWER, "user_code": "at-an0ther-t0ken"})
        TraktClient(CLIENT, secrets=[Secret("at-an0ther-t0ken-0f-the-file")]).device_code()


@pytest.mark.parametrize("change, expires_in, interval", [
    ({"expires_in": None, "interval": "soon"}, 600, 5),
    ({"expires_in": -1, "interval": 0}, 600, 5),
    ({"expires_in": 10 ** 9, "interval": 10 ** 9}, 3600, 60),
    ({"expires_in": True, "interval": 1.5}, 600, 5),
])
def test_absurd_times(change: dict[str, Any], expires_in: int, interval: int) -> None:
    """Neither a loop without pauses nor one without end."""
    code = begin({"json": {**ANSWER, **change}})
    assert (code.expires_in, code.interval) == (expires_in, interval)


@pytest.mark.parametrize("answer", [
    {"json": {**ANSWER, "user_code": "AB\x1b[2J"}}, {"json": {**ANSWER, "device_code": None}},
    {"json": {**ANSWER, "verification_url": "javascript:alert(1)"}},
    {"json": {**ANSWER, "verification_url": "http://evil.example/"}},
    {"json": []}, {"text": "<html>"}, {"status_code": 503}, {"status_code": 302},
])
def test_unusable_beginning(answer: dict[str, Any]) -> None:
    """Nothing odd is shown to a person."""
    with pytest.raises(TraktUnavailable):
        begin(answer)


@pytest.mark.parametrize("answer, kind", [
    ({"status_code": 403}, ClientRejected), ({"status_code": 426}, ClientRejected),
    ({"status_code": 400, "json": {"error": "invalid_client"}}, ClientRejected),
    ({"status_code": 423}, AccountProblem),
])
def test_refused_beginning(answer: dict[str, Any], kind: type[TraktConfigError]) -> None:
    """As for any request."""
    with pytest.raises(kind):
        begin(answer)


@pytest.mark.parametrize("client, secret", [
    (CLIENT, {"client_secret": SECRET}), (Client("client-id"), {}),
])
def test_tokens(client: Client, secret: dict[str, str]) -> None:
    """They are recorded as they came, then parsed."""
    recorded: list[bytes] = []
    with requests_mock.Mocker() as trakt:
        trakt.post(TOKEN_URL, json=TOKENS)
        result = TraktClient(client).poll(CODE, record=recorded.append)
    assert isinstance(result, Authorization) and result.access_token == "at-new"
    assert len(recorded) == 1 and b"rt-new" in recorded[0]
    assert trakt.last_request.json() == {
        "code": "dc-0123456789abcdef", "client_id": "client-id", **secret}


@pytest.mark.parametrize("answer, state", [
    ({"status_code": 400}, DevicePoll.PENDING),
    ({"status_code": 404}, DevicePoll.NOT_FOUND),
    ({"status_code": 409}, DevicePoll.ALREADY_USED),
    ({"status_code": 410}, DevicePoll.EXPIRED),
    ({"status_code": 418}, DevicePoll.DENIED),
    ({"status_code": 429}, DevicePoll.SLOW_DOWN),
    ({"status_code": 429, "text": "<html>"}, DevicePoll.SLOW_DOWN),
    ({"status_code": 400, "json": {"error": "authorization_pending"}}, DevicePoll.PENDING),
    ({"status_code": 400, "json": {"error": "slow_down"}}, DevicePoll.SLOW_DOWN),
    ({"status_code": 400, "json": {"error": "expired_token"}}, DevicePoll.EXPIRED),
    ({"status_code": 400, "json": {"error": "access_denied"}}, DevicePoll.DENIED),
])
def test_states(answer: dict[str, Any], state: DevicePoll) -> None:
    """Trakt's statuses, whose bodies are empty, and RFC 8628's words."""
    recorded: list[bytes] = []
    assert poll(answer, recorded) is state and recorded == []


@pytest.mark.parametrize("answer, kind", [
    ({"status_code": 400, "json": {"error": "invalid_client"}}, ClientRejected),
    ({"status_code": 401}, ClientRejected),
    ({"status_code": 403}, ClientRejected),
    ({"status_code": 423, "headers": {"X-Account-Locked": "1"}}, AccountProblem),
    ({"status_code": 410, "headers": {"X-Account-Deactivated": "1"}}, AccountProblem),
    ({"status_code": 404, "text": "<html>"}, TraktUnavailable),
    ({"status_code": 502}, TraktUnavailable),
    ({"text": "<html>"}, TraktUnavailable),
    ({"exc": requests.exceptions.ReadTimeout}, TraktUnavailable),
])
def test_failed_poll(answer: dict[str, Any], kind: type[TraktConfigError]) -> None:
    """What is neither tokens nor a state."""
    with pytest.raises(kind):
        poll(answer, [])


def test_a_refusal_that_quotes_the_codes() -> None:
    """They are good for a sign-in as long as it lasts."""
    said = {"error": "invalid_request", "error_description": "what of AB12CD34 and dc-0123456789a"}
    with pytest.raises(ClientRejected) as caught:
        poll({"status_code": 403, "json": said}, [])
    assert '"what of ******** and ********"' in str(caught.value)
