"""What an authorization can be asked and told: whose it is, and that it is over."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from trakt_config.errors import LoginRequired
from trakt_config.oauth.answers import (
    ACCESS_TOKEN,
    failure_of,
    is_html,
    is_success,
    unusable,
)
from trakt_config.oauth.quotes import cleaned
from trakt_config.oauth.requester import Requester
from trakt_config.tokens import Secret, json_object


@dataclass(frozen=True)
class UserSettings:
    """Who an access token belongs to, and what Trakt lets that user do.

    ``permissions`` by name (false while Trakt's spam protection is on); ``limits`` by names such
    as ``list.count`` and ``watchlist.item_count``. What Trakt leaves out is empty.
    """

    username: str
    name: str
    vip: bool
    slug: str
    uuid: str
    permissions: Mapping[str, bool]
    limits: Mapping[str, int]


def revoke(trakt: Requester, token: Secret, *, budget: float | None = None) -> None:
    """Revoke a token (RFC 7009). Trakt says yes for a token that it does not know, too.

    When it refuses, the user can remove the app at
    https://app.trakt.tv/settings/apps/connected instead.
    """
    fields = {"token": token.reveal(), "client_id": trakt.app.client_id}
    answer = trakt.post("/oauth/revoke", trakt.with_client_secret(fields), ACCESS_TOKEN,
                        trakt.within(budget))
    if not is_success(answer):
        raise failure_of(answer, ACCESS_TOKEN, secrets=trakt.all_secrets(token)).error
    if is_html(answer):
        raise unusable(answer, ACCESS_TOKEN).error


def user_settings(trakt: Requester, access_token: Secret, *,
                  budget: float | None = None) -> UserSettings:
    """Ask Trakt who the access token belongs to (``GET /users/settings``).

    :param budget: seconds for all tries and waits together (90).
    :raises LoginRequired: ``access_token_refused``.
    """
    answer = trakt.get("/users/settings", access_token, trakt.within(budget))
    if answer.status == 401 and not is_html(answer):
        raise LoginRequired("Trakt refused the access token", reason=ACCESS_TOKEN.reason,
                            hint=ACCESS_TOKEN.advice)
    secrets = trakt.all_secrets(access_token)
    if not is_success(answer):
        raise failure_of(answer, ACCESS_TOKEN, secrets=secrets).error
    settings = json_object(answer.body) or {}
    if not isinstance(settings.get("user"), dict):
        raise unusable(answer, ACCESS_TOKEN).error
    return _user_settings(settings, secrets)


def _user_settings(answer: Mapping[str, Any], secrets: Sequence[Secret]) -> UserSettings:
    def text(value: Any) -> str:
        return cleaned(value, secrets) if isinstance(value, str) else ""

    user, ids = answer["user"], _mapping(answer["user"].get("ids"))
    limits = {text(f"{kind}.{name}"): limit
              for kind, named in _mapping(answer.get("limits")).items()
              for name, limit in _mapping(named).items()
              if isinstance(limit, int) and not isinstance(limit, bool)}
    permissions = {text(name): allowed
                   for name, allowed in _mapping(answer.get("permissions")).items()
                   if isinstance(allowed, bool)}
    return UserSettings(username=text(user.get("username")), name=text(user.get("name")),
                        vip=user.get("vip") is True, slug=text(ids.get("slug")),
                        uuid=text(ids.get("uuid")), permissions=MappingProxyType(permissions),
                        limits=MappingProxyType(limits))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
