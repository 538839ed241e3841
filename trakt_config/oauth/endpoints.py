"""Where Trakt is, and which addresses may stand for it."""
from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from trakt_config.errors import ConfigError
from trakt_config.oauth.transport import is_loopback
from trakt_config.startup import Record

VISIBLE = re.compile("[!-~]+")


class Endpoints(Record):
    """Where Trakt is: scheme, host and perhaps a path, without a slash at the end."""

    oauth: str = "https://auth.trakt.tv"
    api: str = "https://api.trakt.tv"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Endpoints:
        """Trakt's own, unless ``TRAKT_CONFIG_OAUTH_URL`` or ``TRAKT_CONFIG_API_URL`` is set.

        :raises ConfigError: not an https address (http only for this machine), or one that holds
            a user name, a query or a fragment.
        """
        return cls(oauth=_endpoint(environ, "TRAKT_CONFIG_OAUTH_URL", cls.oauth),
                   api=_endpoint(environ, "TRAKT_CONFIG_API_URL", cls.api))


def _endpoint(environ: Mapping[str, str], variable: str, default: str) -> str:
    value = environ.get(variable, "").strip() or default
    problem = endpoint_problem(value)
    if problem:
        raise ConfigError(f"{variable} {problem}", hint=f"Set it to an address such as {default}, "
                                                        "or unset it.")
    return value.rstrip("/")


def endpoint_problem(value: str) -> str:
    """What is wrong with an address, without quoting it: it may hold a password."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is not a valid address"
    if not VISIBLE.fullmatch(value) or "\\" in value or not host:
        return "is not a valid address"
    if "@" in parts.netloc:
        return "must not contain a user name or password"
    if "?" in value or "#" in value:
        return "must not contain a query or a fragment"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        return "must start with https:// (http:// is only for this machine)"
    return ""
