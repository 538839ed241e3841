"""A person signs in: by device code, in a browser on this machine, or with a pin."""
from trakt_config.oauth import DeviceCode
from trakt_config.sign_in.browser import can_open
from trakt_config.sign_in.methods import Method, login, login_with
from trakt_config.sign_in.registration import (
    LOOPBACK_URI,
    CannotRegister,
    NewClient,
    block,
    commented_out,
    foreign_key,
    loopback_uri,
    missing,
    refuse_unfillable,
)
from trakt_config.sign_in.sign_in import Dialog

__all__ = [
    "LOOPBACK_URI",
    "CannotRegister",
    "DeviceCode",
    "Dialog",
    "Method",
    "NewClient",
    "block",
    "can_open",
    "commented_out",
    "foreign_key",
    "login",
    "login_with",
    "loopback_uri",
    "missing",
    "refuse_unfillable",
]
