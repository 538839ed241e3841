"""Whether what was sent may be spent: `outcome_unknown` tells a host, the hint a person."""
from __future__ import annotations

from typing import Any, Callable

import pytest
import requests
import requests_mock

from trakt_config.errors import TraktUnavailable
from trakt_config.oauth import AuthorizationCode, DeviceCode, RefreshToken, TraktClient
from trakt_config.tokens import Client, Secret

DEVICE = DeviceCode(Secret("dc-0123456789abcdef"), "AB12CD34", "https://trakt.tv/activate", 600, 5)
PIN = AuthorizationCode(Secret("A1B2C3D4"))
CODE = AuthorizationCode(Secret("A1B2C3D4"), Secret("v" * 43))
REFRESH = RefreshToken(Secret("rt-0ld0ld0ld"))



def _record(body: bytes) -> None:
    """Nothing is kept."""


Ask = Callable[[TraktClient], object]


def _exchange(grant: Any, *, retry_unknown: bool = False) -> Ask:
    return lambda trakt: trakt.exchange(grant, record=_record, retry_unknown=retry_unknown)


#: What can be asked, and what of it works once.
ASKED: dict[str, tuple[Ask, str]] = {
    "pin": (_exchange(PIN), "The pin"),
    "code": (_exchange(CODE), "The code"),
    "refresh": (_exchange(REFRESH), "The refresh token"),
    "refresh, twice": (_exchange(REFRESH, retry_unknown=True), "The refresh token"),
    "poll": (lambda trakt: trakt.poll(DEVICE, record=_record), "The device code"),
    "device code": (lambda trakt: trakt.device_code(), ""),
    "revoke": (lambda trakt: trakt.revoke(Secret("at-0ld")), ""),
    "user settings": (lambda trakt: trakt.user_settings(Secret("at-0ld")), ""),
}

HTML = {"text": "<!DOCTYPE html>", "headers": {"Content-Type": "text/html"}}

#: What comes of it, and whether Trakt may have done what was asked.
FAILURES: dict[str, tuple[dict[str, Any], bool]] = {
    "500": ({"status_code": 500}, True),
    "503": ({"status_code": 503, "headers": {"Retry-After": "3600"}}, True),
    "a redirect": ({"status_code": 302, "headers": {"Location": "https://x.example/"}}, True),
    "408": ({"status_code": 408}, True),
    "a server error": ({"status_code": 400, "json": {"error": "server_error"}}, True),
    "a page": ({"status_code": 403, **HTML}, True),
    "a page that is no error": (HTML, True),
    "a page that fails": ({"status_code": 502, **HTML}, True),
    "an answer that is cut": ({"text": '{"access_token": "at'}, True),
    "no answer in time": ({"exc": requests.exceptions.ReadTimeout}, True),
    "a connection that is cut": ({"exc": requests.exceptions.ConnectionError}, True),
    "too many requests": ({"status_code": 429}, False),
    "no connection": ({"exc": requests.exceptions.ConnectTimeout}, False),
    "no proxy": ({"exc": requests.exceptions.ProxyError}, False),
}

#: Answers that mean something else there.
NO_FAILURE = {("poll", "too many requests"), ("revoke", "an answer that is cut")}


@pytest.mark.parametrize("asked, failure", [
    (asked, failure) for asked in ASKED for failure in FAILURES
    if (asked, failure) not in NO_FAILURE])
@pytest.mark.sampled(1)
def test_what_may_be_spent(asked: str, failure: str) -> None:
    """In the flag and in words, or in neither."""
    ask, works_once = ASKED[asked]
    answer, is_unknown = FAILURES[failure]
    client = Client("client-id", Secret("cs-5eb1c0ffee"))
    with requests_mock.Mocker() as trakt, pytest.raises(TraktUnavailable) as caught:
        trakt.register_uri(requests_mock.ANY, requests_mock.ANY, **answer)
        ask(TraktClient(client, sleep=lambda seconds: None))
    expected = f"{works_once} may be spent." if works_once and is_unknown else ""
    assert caught.value.outcome_unknown is bool(expected)
    assert caught.value.hint.startswith(expected)
    assert str(caught.value).count("may be spent") == bool(expected)
    assert caught.value.retry_after == (3600 if failure == "503" else None)


def test_a_lost_answer_stays_in_doubt_when_the_second_try_is_not_sent() -> None:
    """The first may have spent it, whatever becomes of the second."""
    with requests_mock.Mocker() as trakt, pytest.raises(TraktUnavailable) as caught:
        trakt.post(requests_mock.ANY, [{"status_code": 500},
                                       {"exc": requests.exceptions.ConnectTimeout}])
        _exchange(REFRESH, retry_unknown=True)(TraktClient(
            Client("client-id"), sleep=lambda seconds: None))
    assert caught.value.outcome_unknown
    assert caught.value.hint.startswith("The refresh token may be spent.")
