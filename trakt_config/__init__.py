"""Keep the ``trakt:`` block of a YAML config signed in, and change nothing else."""
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

__all__ = [
    "AccountProblem",
    "Authorization",
    "ClientRejected",
    "ConfigError",
    "LockTimeout",
    "LoginRequired",
    "SaveError",
    "TraktConfigError",
    "TraktUnavailable",
    "__version__",
]
