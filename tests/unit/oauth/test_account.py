"""Revocation, and whose an access token is."""
from __future__ import annotations

from typing import Any

import pytest
import requests_mock

from trakt_config.errors import (
    AccountProblem,
    ClientRejected,
    ConfigError,
    LoginRequired,
    TraktConfigError,
    TraktUnavailable,
)
from trakt_config.oauth import TraktClient, UserSettings
from trakt_config.tokens import Client, Secret

REVOKE_URL = "https://auth.trakt.tv/oauth/revoke"
SETTINGS_URL = "https://api.trakt.tv/users/settings"
CLIENT = Client("client-id", Secret("cs-5eb1c0ffee"))
TOKEN = Secret("at-0123456789abcdef")
SETTINGS = {
    "user": {"username": "sean", "name": "Sean \x1b[1mR", "vip": True,
             "ids": {"slug": "sean", "uuid": "b6589fc6"}},
    "permissions": {"commenting": True, "liking": False, "odd": "x"},
    "limits": {"list": {"count": 2, "item_count": 100}, "watchlist": {"item_count": 100},
               "search": 5},
}


@pytest.mark.parametrize("client, secret", [
    (CLIENT, {"client_secret": "cs-5eb1c0ffee"}), (Client("client-id"), {}),
])
def test_revoke(client: Client, secret: dict[str, str]) -> None:
    """The token and the app are named in the body; an empty answer is a yes."""
    with requests_mock.Mocker() as trakt:
        trakt.post(REVOKE_URL, text="")
        TraktClient(client).revoke(TOKEN)
    assert trakt.last_request.json() == {
        "token": "at-0123456789abcdef", "client_id": "client-id", **secret}


@pytest.mark.parametrize("answer, kind", [
    ({"status_code": 401}, ClientRejected), ({"status_code": 403}, ClientRejected),
    ({"status_code": 400, "json": {"error": "invalid_client"}}, ClientRejected),
    ({"status_code": 500}, TraktUnavailable), ({"text": "<html>"}, TraktUnavailable),
])
def test_revoke_refused(answer: dict[str, Any], kind: type[TraktConfigError]) -> None:
    """A captive portal's page is no yes."""
    with requests_mock.Mocker() as trakt, pytest.raises(kind):
        trakt.post(REVOKE_URL, **answer)
        TraktClient(CLIENT).revoke(TOKEN)


def settings(answer: dict[str, Any], token: Secret = TOKEN) -> UserSettings:
    with requests_mock.Mocker() as trakt:
        trakt.get(SETTINGS_URL, **answer)
        result = TraktClient(CLIENT).user_settings(token)
        assert trakt.last_request.headers["Authorization"] == "Bearer at-0123456789abcdef"
        assert trakt.last_request.headers["trakt-api-key"] == "client-id"
    return result


def test_user_settings() -> None:
    """Names are fit to be shown; what is not of its type is left out."""
    assert settings({"json": SETTINGS}) == UserSettings(
        "sean", "Sean R", True, "sean", "b6589fc6", {"commenting": True, "liking": False},
        {"list.count": 2, "list.item_count": 100, "watchlist.item_count": 100})


def test_sparse_user_settings() -> None:
    """Only the user has to be there."""
    assert settings({"json": {"user": {}}}) == UserSettings("", "", False, "", "", {}, {})


@pytest.mark.parametrize("answer, kind", [
    ({"status_code": 401}, LoginRequired), ({"status_code": 403}, ClientRejected),
    ({"status_code": 423}, AccountProblem), ({"status_code": 429}, TraktUnavailable),
    ({"status_code": 401, "text": "<html>"}, TraktUnavailable),
    ({"json": []}, TraktUnavailable), ({"json": {"user": 1}}, TraktUnavailable),
])
def test_user_settings_refused(answer: dict[str, Any], kind: type[TraktConfigError]) -> None:
    """The token, the app, the account, or the way to Trakt."""
    with pytest.raises(kind) as caught:
        settings(answer)
    assert "0123456789ab" not in repr(caught.value)


def test_a_token_that_fits_no_header() -> None:
    """It is refused before anything is sent."""
    with pytest.raises(ConfigError):
        settings({"json": SETTINGS}, Secret("at\r\nX: y"))
