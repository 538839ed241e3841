"""Trakt over HTTP: what is sent, how often, and what each answer means. Knows no file."""
from trakt_config.oauth.account import UserSettings, revoke, user_settings
from trakt_config.oauth.answers import cleaned
from trakt_config.oauth.client import BUDGET, VISIBLE, Endpoints
from trakt_config.oauth.device import DeviceCode, DevicePoll, device_code, poll_device_token
from trakt_config.oauth.token import AuthorizationCode, RefreshToken, authorize_url, exchange
from trakt_config.oauth.transport import is_loopback

__all__ = [
    "BUDGET",
    "VISIBLE",
    "AuthorizationCode",
    "DeviceCode",
    "DevicePoll",
    "Endpoints",
    "RefreshToken",
    "UserSettings",
    "authorize_url",
    "cleaned",
    "device_code",
    "exchange",
    "is_loopback",
    "poll_device_token",
    "revoke",
    "user_settings",
]
