"""What a person typed into the ``trakt`` block, as the program understands it. Pure.

Everything is read as the characters in the file: YAML would make a number of ``1234E567``.
"""
from __future__ import annotations

import re
from collections.abc import Mapping

from trakt_config.document.document import KEPT_ELSEWHERE_HINT, Document, require_document
from trakt_config.document.keys import how_to_write
from trakt_config.document.layout import Entry
from trakt_config.document.lines import mistake, of_another_program
from trakt_config.document.misplaced import (
    SettingWarning,
    client_id_meant,
    refuse_commented_out,
    refuse_nested,
    refuse_strays,
    refuse_unread_keys,
    unread_keys,
    without_empty,
)
from trakt_config.document.pins import read_pin, why_no_pin
from trakt_config.document.unused import warnings_about
from trakt_config.document.values import (
    TOKENS,
    check_characters,
    error_at,
    is_unfilled,
    not_printable,
    refuse_key_twice,
    text_of,
    what_is_around,
    why_no_token,
)
from trakt_config.errors import APPS_PAGE, ConfigError, command
from trakt_config.startup import Record
from trakt_config.tokens import AUTHORIZATION_KEYS, Authorization, Client, Secret

#: A name in printable ASCII: anything else is shown as the wrong character that it is.
_KOMETA_PLACEHOLDER = re.compile(r"<<([!-;=?-~]+)>>")
_FILLED_IN_BY_OTHERS = re.compile(r"\$[{(]|\{\{|\$[A-Za-z_]\w*\Z|%[A-Za-z_]\w*%\Z|ENC\[")
_KEPT_ELSEWHERE = re.compile(r"<<[^<>]+>>|\$\{")

#: With these somebody is signed in, or will be.
_SIGNED_IN = (*AUTHORIZATION_KEYS, "authorization", "pin")

#: What Trakt's page of an app calls them.
_APP_NAMES = {"client_id": "Client ID", "client_secret": "Client Secret"}

_PUT_ID = f"Put your app's Client ID there ({APPS_PAGE}), or have it put there: {command('login')}"
_PUT_ID_OF_HOLDER = ("Is it a copy? Put the client_id of its holder there. Only to be "
                     "copied to, a file can do without.")


class Settings(Record):
    """The ``trakt`` block. ``authorization`` is None where no access token of known age is;
    ``access_token`` is there whether or not its age is known.

    ``warnings`` are about what a person typed and what does nothing as it stands.
    """

    client: Client
    pin: Secret | None
    force_refresh: bool
    authorization: Authorization | None
    refresh_token: Secret | None
    access_token: Secret | None = None
    warnings: tuple[SettingWarning, ...] = ()


def what_is_meant(document: Document) -> SettingWarning | None:
    """There is no authorization, or half of one: what somebody probably takes for it, as a clause
    to append, with its place; None where nothing is there.
    """
    for found in unread_keys(document):
        if found.key in _SIGNED_IN:
            return found
    for found in warnings_about(document):
        if found.key in TOKENS:
            return found
    value = (document.trakt or {}).get("pin")
    why = "" if value is None or read_pin(value) else why_no_pin(value)
    return SettingWarning(f"trakt.pin {why}", value.line, value.column) if value and why else None


def read_settings(document: Document, environ: Mapping[str, str]) -> Settings:
    """Read the block.

    :param environ: where Kometa's ``<<name>>`` placeholders are looked up.
    :raises ConfigError: with line and column; never with a value.
    """
    require_document(document)
    trakt = _block(document)
    tokens = {key: _authorization_value(document.authorization, key)
              for key in AUTHORIZATION_KEYS}
    return Settings(
        client=_client(document, trakt, environ),
        pin=read_pin(trakt.get("pin")),
        force_refresh=text_of(trakt.get("force_refresh")) in ("true", "True", "TRUE"),
        authorization=Authorization.from_values(tokens),
        refresh_token=Secret(tokens["refresh_token"]) if tokens["refresh_token"] else None,
        access_token=Secret(tokens["access_token"]) if tokens["access_token"] else None,
        warnings=warnings_about(document))


def client_id(document: Document, environ: Mapping[str, str]) -> str:
    """The ``client_id`` alone, whatever the rest of the block says; empty where there is none.

    :raises ConfigError: with line and column; never with a value.
    """
    require_document(document)
    return _setting(document.trakt or {}, "client_id", environ)


def refuse_misspelt_keys(document: Document, *, copied: bool = False) -> None:
    """Name the key that was meant to be one of the block, or the block itself.

    :param copied: before another config's authorization is copied into it; see
        :func:`refuse_unread_keys`.
    :raises ConfigError: there is one, with line and column.
    """
    require_document(document)
    trakt = document.trakt or {}
    if "client_id" not in trakt:
        _refuse_misspelt_client_id(document, trakt)
    if not document.has_trakt:
        refuse_nested(document, only_ours=True)
    refuse_unread_keys(document, copied=copied)


def _block(document: Document) -> Mapping[str, Entry]:
    if not document.trakt:
        refuse_strays(document)
    if not document.has_trakt:
        refuse_nested(document)
        _refuse_unfillable(document)
        refuse_commented_out(document, "trakt")
        raise ConfigError("there is no trakt block in this file",
                          hint=f"Add one with: {command('login')}")
    if document.trakt is None:
        _refuse_unfillable(document)
        refuse_commented_out(document, "client_id")
        raise ConfigError("the trakt block is empty: it has no client_id", hint=_PUT_ID,
                          line=document.trakt_line, column=document.trakt_column)
    return document.trakt


def _client(document: Document, trakt: Mapping[str, Entry],
            environ: Mapping[str, str]) -> Client:
    client_id = _setting(trakt, "client_id", environ)
    if not client_id:
        value = trakt.get("client_id")
        if value is None:
            _refuse_misspelt_client_id(document, trakt)
        _refuse_other_client_id(document)
        if value is not None and value.only_comment:
            where = "in place of it" if value.commented_out else "before the #, and a space"
            raise error_at(value, "trakt.client_id is only a comment: what is after # is not read",
                           f"Write your app's Client ID {where}{_and_secret(trakt)} ({APPS_PAGE}).")
        if value is None:
            refuse_commented_out(document, "client_id")
        refuse_unread_keys(document)
        if not _is_copy(document):
            _refuse_unfillable(document)
        raise ConfigError("trakt.client_id is empty" if value else "trakt has no client_id",
                          hint=_PUT_ID_OF_HOLDER if _is_copy(document) else _PUT_ID,
                          line=value.line if value else document.trakt_line,
                          column=value.column if value else document.trakt_column)
    secret = _setting(trakt, "client_secret", environ)
    redirect_uri = _setting(trakt, "redirect_uri", environ)
    return Client(client_id=client_id,
                  client_secret=Secret(secret) if secret else None,
                  redirect_uri=redirect_uri or Client.redirect_uri)


def _refuse_unfillable(document: Document) -> None:
    """Before a sign-in is advised: say what it would be refused for."""
    from trakt_config.document.edit import refuse_unfillable  # for an error alone
    refuse_unfillable(document)


def _and_secret(trakt: Mapping[str, Entry]) -> str:
    """More advice, where client_secret has to be filled in as well."""
    value = trakt.get("client_secret")
    if value is None or not (value.commented_out or is_unfilled(value.text)):
        return ""
    return f", and its Client Secret in line {value.line}"


def _is_copy(document: Document) -> bool:
    """Whether there is an access token, and no refresh token."""
    token = document.authorization.get("access_token")
    return token is not None and not token.blank and document.token("refresh_token") is None


def _refuse_misspelt_client_id(document: Document, trakt: Mapping[str, Entry]) -> None:
    """There is no client_id, but a key that looks like it."""
    for name, value in trakt.items():
        if name.startswith("client_id:"):
            raise error_at(value, "there is no space after the colon of client_id",
                           "Write one: `client_id: VALUE`.")
    _refuse_other_client_id(document)
    refuse_strays(document)


def _refuse_other_client_id(document: Document) -> None:
    found = client_id_meant(document)
    if found is not None:
        raise mistake("trakt has no client_id: is this key meant?",
                      how_to_write(found.key or "", "client_id")
                      + without_empty(document.trakt or {}, "client_id"),
                      found.key_line, found.key_column)


def _setting(trakt: Mapping[str, Entry], key: str, environ: Mapping[str, str]) -> str:
    value = trakt.get(key)
    if value is None or value.blank:
        return ""
    if value.in_braces or value.foreign or _FILLED_IN_BY_OTHERS.search(value.text):
        raise of_another_program(f"trakt.{key}", value.line, value.column)
    if not value.scalar:
        raise error_at(value, f"trakt.{key} is not a single value",
                       "Write it on one line, in quotes if it has special characters.")
    refuse_key_twice(value, key)
    if key in _APP_NAMES and is_unfilled(value.text):
        also = _and_secret(trakt) if key == "client_id" else ""
        raise error_at(value, f"trakt.{key} is not filled in: it is the text of a template",
                       f"Write your app's {_APP_NAMES[key]} in place of it{also} ({APPS_PAGE}).")
    text = _KOMETA_PLACEHOLDER.sub(lambda found: _secret(value, key, found[1], environ),
                                   value.text)
    check_characters(value, f"trakt.{key}", text)
    if "<<" in value.text and _KOMETA_PLACEHOLDER.search(value.text) is None:
        raise error_at(value, f"trakt.{key} has a << without a name and >> behind it",
                       "Write a placeholder as `<<name>>`.")
    return text


def _secret(value: Entry, key: str, name: str, environ: Mapping[str, str]) -> str:
    """Kometa's secret `name`: from KOMETA_NAME, else PMM_NAME, in any case."""
    upper = name.upper().replace("-", "_")
    variables = [f"KOMETA_{upper}", f"PMM_{upper}"]
    if upper.startswith("KOMETA_"):
        variables.insert(0, upper)
    any_case = {variable.upper(): content for variable, content in environ.items()}
    for variable in variables:
        content = (environ.get(variable) or any_case.get(variable, "")).strip()
        if content:
            _check_variable(value, key, variable, content)
            return content
    found = next((variable for variable in variables if variable in any_case), None)
    what = "is not set" if found is None else "is empty"
    raise error_at(value, f"trakt.{key} needs the environment variable {found or variables[0]}, "
                          f"which {what}",
                   "Set it for this program too: Kometa's .env file and command line are not read.")


def _check_variable(value: Entry, key: str, variable: str, content: str) -> None:
    """What the placeholder stands for is corrected there, and not in the config."""
    is_template = key in _APP_NAMES and is_unfilled(content)
    what = "is the text of a template" if is_template else \
        what_is_around(content) or not_printable(content)
    if what:
        raise error_at(value, f"trakt.{key} gets the environment variable {variable}, which {what}",
                       f"Set {variable} to the value alone, as Trakt shows it (env files of Docker "
                       "keep quotes).")


def _authorization_value(authorization: Mapping[str, Entry], key: str) -> str:
    value = authorization.get(key)
    text = text_of(value)
    if value is not None and _KEPT_ELSEWHERE.search(text):
        raise error_at(value, f"trakt.authorization.{key} is a placeholder: "
                              "the tokens are kept somewhere else",
                       KEPT_ELSEWHERE_HINT)
    return "" if why_no_token(key, text) else text
