"""``trakt-config status CONFIG...``: what is in the file and, with ``--online``, whose it is.

``docs/json.rst`` has what ``--json`` prints.
"""
from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trakt_config.authorization.run import Options, logger, name_of
from trakt_config.cli import arguments, boundary, output
from trakt_config.errors import TraktConfigError, printable

if TYPE_CHECKING:
    from trakt_config.authorization.status import Status
    from trakt_config.oauth import UserSettings


@dataclass
class _Seen:
    """What has been found out about one file so far."""

    config: str
    problems: list[str] = field(default_factory=list)
    status: Status | None = None
    account: UserSettings | None = None
    error: TraktConfigError | None = None

    def warn(self, problems: list[str], failure: TraktConfigError | None = None) -> None:
        """Warn of them, but for the one that will be told as the failure."""
        self.problems += problems
        for problem in problems:
            is_located = problem.startswith(f"{self.config}:")
            text = problem if is_located else f"{self.config}: {problem}"
            if not failure or str(failure).splitlines()[0] != text:
                logger.warning("%s", text)

    def fails(self, error: TraktConfigError) -> None:
        self.error = error


DESCRIPTION = """\
Say what is in each config, without asking Trakt and without changing anything. The exit
status is 3 where a login is needed."""

EXAMPLES = """\
  trakt-config status config.yml
  trakt-config status --online --json config.yml other.yml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_configs(parser)
    parser.add_argument("--online", action="store_true",
                        help="ask Trakt whose the authorization is, and what it may do")
    parser.add_argument("--json", action="store_true", help="one JSON object for each config")


def run(options: argparse.Namespace) -> int:
    """Say what is in each config."""
    shared: dict[str, str] = {}
    if len(options.configs) > 1:
        from trakt_config.authorization.shared import named_twice, shared_tokens
        shared = dict(shared_tokens(options.configs))
        for config, sentence in named_twice(options.configs):
            logger.warning("%s: %s", printable(config), sentence)
    return boundary.gravest(_status_of(config, options, shared.get(config))
                            for config in options.configs)


def _status_of(config: str, options: argparse.Namespace, shared: str | None) -> int:
    seen = _Seen(name_of(config))
    if shared:
        seen.warn([shared])
    exit_status = boundary.exit_status(lambda: _look(config, options, seen),
                                       verbose=options.verbose, on_error=seen.fails)
    if options.json:
        output.json(_object(seen))
    return exit_status


def _look(config: str, options: argparse.Namespace, seen: _Seen) -> None:
    from trakt_config.authorization import status
    seen.status = found = status.look(config, Options())
    if options.online:
        seen.status, seen.account = found, _ = status.ask(config, Options(), found)
    if not options.json:
        output.out("\n".join(_lines(seen.config, found)))
    seen.warn(found.problems, found.failure)
    if seen.account is not None:
        seen.warn(status.switched_off(seen.account))
        if not options.json:
            output.out("\n".join(_account_lines(seen.account)))
    if found.failure:
        raise found.failure


def _lines(config: str, found: Status) -> list[str]:
    lines = [f"{config}: {_state(found)}", *_life(found)]
    if found.step:
        lines.append(f"  the next authorize {found.step.value}")
    return lines


def _state(found: Status) -> str:
    authorization = found.authorization
    if authorization and found.state == "valid":
        return f"signed in, {output.validity(authorization.expires_at)}"
    if authorization and found.state == "expired":
        return f"the access token expired {output.local_time(authorization.expires_at)}"
    return {"refused": "Trakt refuses the access token",
            "unknown_age": "there is an access token, but when it ends is not known",
            "refresh_token_only": "there is a refresh token, but no access token",
            "pin_only": "not signed in yet; there is a pin"}.get(found.state, "not signed in")


def _life(found: Status) -> list[str]:
    if found.issued_at is None or found.state != "valid":
        return []
    return [f"  since {output.local_time(found.issued_at)}; "
            f"{found.life_left or 0:.0%} of its life is left"]


def _account_lines(account: UserSettings) -> list[str]:
    who = f"{account.name} ({account.username})" if account.name else account.username
    vip = "Trakt VIP" if account.vip else "no Trakt VIP"
    allowed = [name for name, is_allowed in account.permissions.items() if is_allowed]
    limits = [f"{name.replace('.', ' ').replace('_', ' ')} {limit}"
              for name, limit in account.limits.items()]
    return [f"  Trakt says: {printable(who)}, {vip}, uuid {account.uuid or 'unknown'}",
            f"  allowed: {printable(', '.join(allowed)) or 'nothing'}",
            *([f"  limits: {printable(', '.join(limits))}"] if limits else [])]


def _object(seen: _Seen) -> dict[str, Any]:
    return {"config": seen.config, **_offline_object(seen.status), "problems": seen.problems,
            "account": seen.account and _account_object(seen.account),
            "error": seen.error and boundary.error_object(seen.error)}


def _offline_object(found: Status | None) -> dict[str, Any]:
    from datetime import datetime, timezone
    authorization = found.authorization if found else None
    expires_at = authorization.expires_at if authorization else None
    issued_at = found.issued_at if found else None
    now = datetime.now(timezone.utc)
    return {
        "state": found.state if found else None,
        "usable": found.is_usable if found else False,
        "issued_at": issued_at and output.rfc3339(issued_at),
        "expires_at": expires_at and output.rfc3339(expires_at),
        "expires_in": int((expires_at - now).total_seconds()) if expires_at else None,
        "life_left": round(found.life_left or 0, 3) if authorization and found else None,
        "next": found.step.name.lower() if found and found.step else None,
    }


def _account_object(account: UserSettings) -> dict[str, Any]:
    return {"username": account.username, "name": account.name, "vip": account.vip,
            "slug": account.slug, "uuid": account.uuid,
            "permissions": dict(account.permissions), "limits": dict(account.limits)}
