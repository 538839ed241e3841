"""Keep the ``trakt:`` block of a YAML config signed in, and change nothing else.

``authorize(config)``
    before a job: exchanges the pin, or refreshes what is due, and returns the ``Authorization``
``TraktAuth(config)``
    for ``requests``: signs an application's own requests, and refreshes when that is due
``login(config, dialog=Dialog(...))``
    a person signs in, with callbacks in the place of prints and prompts
``copy_authorization(holder, other)``
    gives another config the access token alone

What goes wrong is a ``TraktConfigError``, of a kind that says what can be done about it.
``trakt_config.document`` edits the bytes of a config, and ``trakt_config.sandbox`` is a Trakt on
this machine, for tests. ``ConfigPath``, ``Method`` and ``Reason`` are types, for annotations.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from trakt_config.errors import (
    AccountProblem,
    ClientRejected,
    ConfigError,
    LockTimeout,
    LoginRequired,
    Reason,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
)
from trakt_config.startup import lazy
from trakt_config.tokens import Authorization
from trakt_config.version import __version__

if TYPE_CHECKING:
    from trakt_config import document, sandbox
    from trakt_config.authorization.authorize import authorize
    from trakt_config.authorization.copy import copy_authorization
    from trakt_config.authorization.run import ConfigPath
    from trakt_config.authorization.trakt_auth import TraktAuth
    from trakt_config.sign_in import DeviceCode, Dialog, Method, login

__all__ = [
    "AccountProblem",
    "Authorization",
    "ClientRejected",
    "ConfigError",
    "ConfigPath",
    "DeviceCode",
    "Dialog",
    "LockTimeout",
    "LoginRequired",
    "Method",
    "Reason",
    "SaveError",
    "TraktAuth",
    "TraktConfigError",
    "TraktUnavailable",
    "__version__",
    "authorize",
    "copy_authorization",
    "document",
    "login",
    "sandbox",
]

#: What is imported only when it is asked for, and where from: no command needs all of it.
_LAZY = {
    "ConfigPath": "authorization.run",
    "DeviceCode": "sign_in",
    "Dialog": "sign_in",
    "Method": "sign_in",
    "TraktAuth": "authorization.trakt_auth",
    "authorize": "authorization.authorize",
    "copy_authorization": "authorization.copy",
    "document": "document",
    "login": "sign_in",
    "sandbox": "sandbox",
}

if not TYPE_CHECKING:  # So that a misspelt name is an error of types.
    __getattr__, __dir__ = lazy(__name__, _LAZY)
