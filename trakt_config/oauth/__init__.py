"""Trakt over HTTP: what is sent, how often, and what each answer means. Knows no file."""
from trakt_config.oauth.account import UserSettings
from trakt_config.oauth.answers import before_migration
from trakt_config.oauth.client import TraktClient
from trakt_config.oauth.device import DeviceCode, DevicePoll
from trakt_config.oauth.endpoints import VISIBLE, Endpoints
from trakt_config.oauth.limits import BUDGET
from trakt_config.oauth.quotes import cleaned
from trakt_config.oauth.requester import API_VERSION, USER_AGENT
from trakt_config.oauth.token import AuthorizationCode, RefreshToken
from trakt_config.oauth.transport import is_loopback

__all__ = [
    "API_VERSION",
    "BUDGET",
    "USER_AGENT",
    "VISIBLE",
    "AuthorizationCode",
    "DeviceCode",
    "DevicePoll",
    "Endpoints",
    "RefreshToken",
    "TraktClient",
    "UserSettings",
    "before_migration",
    "cleaned",
    "is_loopback",
]
