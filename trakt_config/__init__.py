"""Keep the ``trakt:`` block of a YAML config signed in, and change nothing else."""
from __future__ import annotations

from typing import TYPE_CHECKING

from trakt_config.authorization.authorize import authorize
from trakt_config.authorization.trakt_auth import TraktAuth
from trakt_config.errors import (
    AccountProblem,
    ClientRejected,
    ConfigError,
    LockTimeout,
    LoginRequired,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
)
from trakt_config.tokens import Authorization
from trakt_config.version import __version__

if TYPE_CHECKING:
    from trakt_config.sign_in import Dialog, login

__all__ = [
    "AccountProblem",
    "Authorization",
    "ClientRejected",
    "ConfigError",
    "Dialog",
    "LockTimeout",
    "LoginRequired",
    "SaveError",
    "TraktAuth",
    "TraktConfigError",
    "TraktUnavailable",
    "__version__",
    "authorize",
    "login",
]


def __getattr__(name: str) -> object:
    """``login`` and ``Dialog`` need HTTP, which a fresh run does not: they are imported here."""
    if name in ("Dialog", "login"):
        from trakt_config import sign_in
        return getattr(sign_in, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
