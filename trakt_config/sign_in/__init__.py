"""A person signs in: by device code, in a browser on this machine, or with a pin."""
from trakt_config.sign_in.browser import can_open
from trakt_config.sign_in.methods import DeviceCode, Dialog, login, login_with
from trakt_config.sign_in.registration import (
    APPS_PAGE,
    LOOPBACK_URI,
    NEW_APP_PAGE,
    CannotRegister,
    NewClient,
    block,
    missing,
    register,
)

__all__ = [
    "APPS_PAGE",
    "LOOPBACK_URI",
    "NEW_APP_PAGE",
    "CannotRegister",
    "DeviceCode",
    "Dialog",
    "NewClient",
    "block",
    "can_open",
    "login",
    "login_with",
    "missing",
    "register",
]
