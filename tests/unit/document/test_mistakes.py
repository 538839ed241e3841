"""Mistakes that people make in a config, and the message that each of them gets."""
from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from typing import Any

import pytest

from trakt_config.document import (
    SETTING_KEYS,
    other_keys,
    parse,
    read_settings,
    refuse_misspelt_keys,
    set_authorization,
)
from trakt_config.errors import ConfigError
from trakt_config.tokens import AUTHORIZATION_KEYS

GOOD = """\
trakt:
  client_id: abc
  client_secret: def
  pin:
  authorization:
    access_token: a
    refresh_token: b
"""

NEW = {"access_token": "A", "token_type": "bearer", "expires_in": "604800", "refresh_token": "R",
       "scope": "public", "created_at": "1790000000"}

#: What templates have in the place of a value.
UNFILLED = ("enter_client_id_here", "YOUR_CLIENT_ID", "your-client-id", "changeme", "<client_id>",
            "<your client id>", "client_id", "XXXXXXXX", "'########'", "Enter your client ID here",
            "put_your_trakt_client_id_here", "'[your-client-id]'", "0123456789abcdef...",
            "12ab...", "YOUR_ACCESS_TOKEN")

#: What people call our keys.
OTHER_NAMES = {
    "client_id": ("id", "Client ID", "clientId", "app_id", "apikey", "api_key", "trakt_client_id",
                  "cleint_id", "client_key", "clent_id", "trakt-id"),
    "client_secret": ("secret", "Client Secret", "clientSecret", "client-secret", "app_secret",
                      "trakt_client_secret", "client_secert", "secret_key"),
    "redirect_uri": ("redirect", "redirect_url", "redirectUri", "callback", "callback_url"),
    "pin": ("PIN", "code", "pin_code", "trakt_pin"),
    "authorization": ("authorisation", "auth", "oauth", "Authorization", "tokens", "autorization"),
    "access_token": ("token", "access token", "accessToken", "access-token", "acess_token",
                     "bearer", "trakt_access_token"),
    "refresh_token": ("refresh", "refresh token", "refreshToken", "refersh_token"),
    "token_type": ("type", "tokenType"),
    "expires_in": ("expire_in", "expires in", "expiresIn", "ttl"),
    "scope": ("scopes",),
    "created_at": ("created", "createdAt", "create_at", "issued_at"),
}

#: Keys that nobody meant to be one of ours.
UNRELATED = ("notes", "auth", "oauth", "name", "user", "username", "email", "url", "enabled",
             "timeout", "language", "list", "lists", "limit", "version", "description", "comment",
             "cache_expiration", "vip", "password", "webhook", "library", "sync",
             "collection_order", "api_url")

#: The dash is one of each key, or of the whole block; brackets make a list as well. The advice,
#: followed, makes a config of it.
AS_LISTS = (
    ("trakt:\n  - client_id: abc\n  - client_secret: def\n", "2:3", "trakt", "delete"),
    ("trakt:\n  - client_id: abc\n  client_secret: def\n", "2:3", "trakt", "delete"),
    ("trakt:\n- client_id: abc\n- client_secret: def\n", "2:1", "trakt", "replace"),
    ("trakt:\n  - client_id: abc\n    client_secret: def\n", "2:3", "trakt", "replace"),
    ("trakt:\n  # x\n\n  -   pin:\n      client_id: abc\n", "4:3", "trakt", "replace"),
    (GOOD.replace("    a", "    - a").replace("    r", "    - r"), "6:5", "trakt.authorization",
     "delete"),
    (GOOD.replace("    a", "  - a"), "6:3", "trakt.authorization", "replace"),
    ("- trakt:\n    client_id: abc\n", "1:1", "the file", "delete"),
    ("- plex:\n    url: x\n- trakt:\n    client_id: abc\n", "1:1", "the file", "delete"),
    ("- plex:\n    url: x\n  trakt:\n    client_id: abc\n", "1:1", "the file", "replace"),
    ("- trakt:\n    client_id: abc\n  plex:\n    url: x\n", "1:1", "the file", "replace"),
)

#: A key with an invisible character within it or behind it, or where no indentation is.
INVISIBLE = (
    ("trakt:\n  client\u200b_id: abc\n", "2:3", "client_id"),
    ("trakt:\n  client_id\u00a0: abc\n", "2:3", "client_id"),
    ("trakt:\n  '\u200bclient_id': abc\n", "2:3", "client_id"),
    ("trakt: {\u200bclient_id: abc}\n", "1:9", "client_id"),
    ("trakt:\n  client_id: abc\n  p\u200bin: 12\n", "3:3", "pin"),
    ("trakt:\n  client_id: abc\n  access\xad_token: a\n", "3:3", "access_token"),
    ("trakt:\n  client_id: abc\n  authorization:\n    access\xad_token: a\n", "4:5",
     "access_token"),
    ("tra\u200bkt:\n  client_id: abc\n", "1:1", "trakt"),
    ("trakt\u2060:\n  client_id: abc\n", "1:1", "trakt"),
)
ANEW = "Delete the key up to its colon, and type it anew."
UNSEEN = ": a character in it is invisible or of another alphabet."

#: What it is, the file, the message behind the file's name, what to do.
ERRORS = (
    ("no colon after trakt",
     "trakt\n  client_id: abc\n",
     "1:1: there is no colon after trakt",
     "Write one: `trakt:`."),
    ("no colon after client_id",
     "trakt:\n  client_id abc\n  client_secret: def\n",
     "2:3: there is no colon after client_id",
     "Write a colon and a space after it: `client_id: VALUE`."),
    ("no colon after client_id, alone",
     "trakt:\n  client_id abc\n",
     "2:3: there is no colon after client_id",
     "Write a colon and a space after it: `client_id: VALUE`."),
    ("no colon at the end",
     "trakt:\n  client_id: abc\n  client_secret def\n",
     "3:3: there is no colon after client_secret",
     "Write a colon and a space after it: `client_secret: VALUE`."),
    ("no colon on a token",
     "trakt:\n  client_id: abc\n  authorization:\n    access_token a\n    scope: x\n",
     "4:5: there is no colon after access_token",
     "Write a colon and a space after it: `access_token: VALUE`."),
    ("no colon after authorization",
     "trakt:\n  client_id: abc\n  authorization\n    access_token: a\n",
     "3:3: there is no colon after authorization",
     "Write one: `authorization:`."),
    ("no-break space after the colon",
     "a: 1\ntrakt:\n  client_id:\u00a0abc\n  client_secret: def\n",
     "3:13: a special space (U+00A0) where YAML wants a plain one",
     "Delete it, and type a space in its place."),
    ("no-break space after the colon, alone",
     "trakt:\n  client_id:\u00a0abc\n",
     "2:13: a special space (U+00A0) where YAML wants a plain one",
     "Delete it, and type a space in its place."),
    ("no-break spaces for the indentation",
     "trakt:\n\u00a0\u00a0client_id: abc\n  client_secret: def\n",
     "2:1: a special space (U+00A0) where YAML wants a plain one",
     "Delete it, and type a space in its place."),
    ("an em space for the indentation",
     "trakt:\n  client_id: abc\n \u2003client_secret: def\n",
     "3:2: a special space (U+2003) where YAML wants a plain one",
     "Delete it, and type a space in its place."),
    ("no space after the colon",
     "trakt:\n  client_id:abc\n  client_secret: def\n",
     "2:3: there is no space after the colon of client_id",
     "Write one: `client_id: VALUE`."),
    ("no space, alone",
     "trakt:\n  client_id:abc\n",
     "2:3: there is no space after the colon of client_id",
     "Write one: `client_id: VALUE`."),
    ("no space, second",
     "trakt:\n  client_id: abc\n  client_secret:def\n  pin:\n",
     "3:3: there is no space after the colon of client_secret",
     "Write one: `client_secret: VALUE`."),
    ("no space, last",
     "trakt:\n  client_id: abc\n  pin:1234\n",
     "3:3: there is no space after the colon of pin",
     "Write one: `pin: VALUE`."),
    ("no space, all",
     "trakt:\n  client_id:abc\n  client_secret:def\n",
     "2:3: there is no space after the colon of client_id",
     "Write one: `client_id: VALUE`."),
    ("no space in flow",
     "trakt: {client_id:abc, client_secret: def}\n",
     "1:9: there is no space after the colon of client_id",
     "Write one: `client_id: VALUE`."),
    ("no space outside",
     "plex:\n  url:http\n  token: x\n" + GOOD,
     "2:3: there is no space after the colon of this key",
     "Write one: `KEY: VALUE`."),
    ("an equals sign",
     "trakt:\n  client_id = abc\n  client_secret: def\n",
     "2:3: there is an equals sign after client_id where a colon belongs",
     "Write `client_id: VALUE`."),
    ("keys at column 0",
     "trakt:\nclient_id: abc\nclient_secret: def\n",
     "2:1: client_id is beside trakt, not in it",
     "Indent it with two spaces: `  client_id:`."),
    ("Trakt",
     "Trakt:\n  client_id: abc\n",
     "1:1: there is no trakt block: is this key meant?",
     "Write it as `trakt:`, in small letters."),
    ("TRAKT",
     "TRAKT:\n  client_id: abc\n",
     "1:1: there is no trakt block: is this key meant?",
     "Write it as `trakt:`, in small letters."),
    ("trackt",
     "trackt:\n  client_id: abc\n",
     "1:1: there is no trakt block: is this key meant?",
     "The name of the block is `trakt:`."),
    ("Client_ID",
     "trakt:\n  Client_ID: abc\n",
     "2:3: trakt has no client_id: is this key meant?",
     "Write it as `client_id:`."),
    ("clientid",
     "trakt:\n  clientid: abc\n",
     "2:3: trakt has no client_id: is this key meant?",
     "Write it as `client_id:`."),
    ("client-id",
     "trakt:\n  client-id: abc\n",
     "2:3: trakt has no client_id: is this key meant?",
     "Write it as `client_id:`."),
    ("open single quote",
     "trakt:\n  client_id: 'abc\n  client_secret: def\n",
     "2:14: not valid YAML: a quote that is opened here is never closed",
     "Close it at the end of the value."),
    ("open double quote",
     "plex:\n  url: \"http://x\n  token: y\n" + GOOD,
     "2:8: not valid YAML: a quote that is opened here is never closed",
     "Close it at the end of the value."),
    ("open quote before quotes",
     "trakt:\n  client_id: \"abc\n  client_secret: \"def\"\n",
     "2:14: not valid YAML: a quote that is opened here is not closed on its line",
     "Close it at the end of the value."),
    ("open single before single",
     "trakt:\n  client_id: 'abc\n  client_secret: 'def'\n",
     "2:14: not valid YAML: a quote that is opened here is not closed on its line",
     "Close it at the end of the value."),
    ("text behind quotes",
     "trakt:\n  client_id: \"abc\" def\n",
     "2:20: not valid YAML: text after the closing quote",
     "Delete it; a double quote within double quotes is written \\\"."),
    *((f"a quote within the quotes of a key: {key}, {place}",
       text.format(key),
       f"{place}: not valid YAML: text after the closing quote",
       f"Delete it; {how}.")
      for key, how, more in (
          ("'Kid's Anime'", "a single quote within single quotes is written twice", 5),
          ("'Kids' Anime'", "a single quote within single quotes is written twice", 7),
          ('"A "best" B"', 'a double quote within double quotes is written \\"', 4))
      for text, place in (
          (GOOD + "{}:\n  a: 1\n", f"8:{1 + more}"),
          ("libraries:\n  {}:\n    a: 1\n" + GOOD, f"2:{3 + more}"),
          ("libraries:\n  b: 1\n  {}: 1\n" + GOOD, f"3:{3 + more}"),
          ("l:\n  - {}: 1\n" + GOOD, f"2:{5 + more}"))),
    ("a key in quotes without a colon",
     "libraries:\n  'a'\n  b: 1\n" + GOOD,
     "3:3: not valid YAML: the indentation does not match the lines above",
     "Indent the keys of one block alike."),
    ("double quotes within double quotes",
     'a: "A "best" B"\n' + GOOD,
     "1:8: not valid YAML: text after the closing quote",
     "Delete it; a double quote within double quotes is written \\\"."),
    *((f"quotes twice: {value}",
       text.format(value),
       f"{place}: not valid YAML: two quotes at the beginning",
       "Delete the extra quotes: one at the beginning and one at the end are enough.")
      for value in ('""abc""', "''abc''", '"""abc"""', '""abc"')
      for text, place in (("trakt:\n  client_id: {} # mine\n  client_secret: def\n", "2:14"),
                          ("trakt: {{client_id: {}, pin: }}\n", "1:20"),
                          ("a: [{}]\n" + GOOD, "1:5"))),
    ("quotes twice around a key",
     'trakt:\n  client_id: abc\n  ""pin"": 1234\n',
     "3:3: not valid YAML: two quotes at the beginning",
     "Delete the extra quotes: one at the beginning and one at the end are enough."),
    *((f"one quote too many: {value}",
       f"trakt:\n  client_id: {value}\n  pin: 1\n",
       "2:19: not valid YAML: one quote too many",
       "Delete it.") for value in ('"abc""', "\"abc\"'", "'abc'\"")),
    *((f"comment of another language: {mark} {text!r}",
       text.format(f"{mark} a comment", "" if mark != "<!--" else "-->"),
       f"{place}: not valid YAML: {mark} begins no comment",
       "Write # before it, and before each line that belongs to it." if mark in ("/*", "<!--")
       else "Write # in its place.")
      for mark in ("//", "--", ";", "<!--", "/*", "REM", "rem", "----")
      for text, place in (("trakt:\n  {}\n  client_id: abc\n", "2:3"),
                          ("trakt:\n{}\n  client_id: abc\n", "2:1"),
                          ("trakt: {}\n  client_id: abc\n", "1:8"),
                          ("trakt:\n  client_id: abc\n  {} # c {}\n  pin:\n", "3:3"),
                          ("trakt:\n  client_id: abc\n  {}\n", "3:3"),
                          (GOOD.replace("on:\n", "on:\n    {}\n"), "6:5"),
                          ("plex:\n  {}\n  url: x\n" + GOOD, "2:3"))),
    *((f"comment of another language in JSON, {place}",
       text,
       f"{place}: not valid YAML: // begins no comment",
       "Write # in its place.") for text, place in (
           ('{"trakt": {"client_id": "abc", // mine\n "pin": null}}\n', "1:32"),
           ('{"trakt": { // mine\n "client_id": "abc"}}\n', "1:13"),
           ('{"trakt": {"client_id": "abc" // mine\n}}\n', "1:31"))),
    *((f"comment of another language behind a value: {mark}",
       f"trakt:\n  client_id: 'abc' {mark} mine\n",
       f"2:20: not valid YAML: {mark} begins no comment",
       "Write # in its place.") for mark in ("//", "--", ";")),
    *((f"comment of another language behind a value without quotes: {mark}",
       f"trakt:\n  client_id: abc {mark} mine\n",
       "2:14: trakt.client_id: character 4 is a space (U+0020)",
       f"If a comment begins at the {mark}, write # in its place.") for mark in ("//", "--", ";")),
    ("text in a block text that would begin no comment",
     "notes: |\n  -- c\na: [1\n" + GOOD,
     "4:6: not valid YAML: a comma or a closing bracket is missing",
     "Check the brackets and commas there and just above."),
    ("apostrophe",
     "a: 'it's'\n" + GOOD,
     "1:8: not valid YAML: text after the closing quote",
     "Delete it; a single quote within single quotes is written twice."),
    ("conflict markers",
     "<<<<<<< HEAD\n" + GOOD + "=======\n" + GOOD + ">>>>>>> x\n",
     "1:1: a conflict marker: two versions of the file were not merged",
     "Keep one version, and delete the lines with <<<<<<<, ======= and >>>>>>>."),
    ("conflict markers inside",
     "trakt:\n<<<<<<< HEAD\n  client_id: abc\n=======\n  client_id: xyz\n>>>>>>> branch\n",
     "2:1: a conflict marker: two versions of the file were not merged",
     "Keep one version, and delete the lines with <<<<<<<, ======= and >>>>>>>."),
    ("conflict markers inside 2",
     "trakt:\n  client_id: abc\n<<<<<<< HEAD\n  pin: 1\n=======\n  pin: 2\n>>>>>>> branch\n",
     "3:1: a conflict marker: two versions of the file were not merged",
     "Keep one version, and delete the lines with <<<<<<<, ======= and >>>>>>>."),
    ("only the end marker",
     GOOD + ">>>>>>> branch\n",
     "8:1: a conflict marker: two versions of the file were not merged",
     "Keep one version, and delete the lines with <<<<<<<, ======= and >>>>>>>."),
    ("middle marker",
     GOOD + "=======\n",
     "8:1: a conflict marker: two versions of the file were not merged",
     "Keep one version, and delete the lines with <<<<<<<, ======= and >>>>>>>."),
    ("client_id list",
     "trakt:\n  client_id: [abc]\n",
     "2:14: trakt.client_id is not a single value",
     "Write it on one line, in quotes if it has special characters."),
    ("client_id map",
     "trakt:\n  client_id: {abc}\n",
     "2:14: trakt.client_id is not a single value",
     "Write it on one line, in quotes if it has special characters."),
    ("client_id ####",
     "trakt:\n  client_id: ####\n",
     "2:3: trakt.client_id is only a comment: what is after # is not read",
     "Write your app's Client ID in place of it (https://developer.trakt.tv/apps)."),
    ("client_id # c",
     "trakt:\n  client_id: #abc\n",
     "2:3: trakt.client_id is only a comment: what is after # is not read",
     "Write your app's Client ID in place of it (https://developer.trakt.tv/apps)."),
    ("client_id, a comment of words",
     "trakt:\n  client_id: # from Trakt's page\n",
     "2:3: trakt.client_id is only a comment: what is after # is not read",
     "Write your app's Client ID before the #, and a space (https://developer.trakt.tv/apps)."),
    ("client_id and client_secret ####",
     "trakt:\n  client_id: ####\n  client_secret: ####\n",
     "2:3: trakt.client_id is only a comment: what is after # is not read",
     "Write your app's Client ID in place of it, and its Client Secret in line 3 "
     "(https://developer.trakt.tv/apps)."),
    *((f"client_id {value}",
       f"trakt:\n  client_id: {value}\n  client_secret: enter_client_secret_here\n",
       "2:14: trakt.client_id is not filled in: it is the text of a template",
       "Write your app's Client ID in place of it, and its Client Secret in line 3 "
       "(https://developer.trakt.tv/apps).") for value in UNFILLED),
    ("client_secret of a template",
     "trakt:\n  client_id: abc\n  client_secret: YOUR_CLIENT_SECRET\n",
     "3:18: trakt.client_secret is not filled in: it is the text of a template",
     "Write your app's Client Secret in place of it (https://developer.trakt.tv/apps)."),
    *((f"client_id called {name}",
       f"trakt:\n  {name}: abc\n",
       "2:3: trakt has no client_id: is this key meant?",
       "Write it as `client_id:`.") for name in OTHER_NAMES["client_id"]),
    ("client_id empty, and called otherwise",
     "trakt:\n  client_id:\n  id: abc\n",
     "3:3: trakt has no client_id: is this key meant?",
     "Write it as `client_id:`. Delete the empty one in line 2."),
    ("client_id empty",
     "trakt:\n  client_id:\n",
     "2:3: trakt.client_id is empty",
     "Put your app's Client ID there (https://developer.trakt.tv/apps), or have it put there: "
     "trakt-config login CONFIG"),
    ("client_id missing",
     "trakt:\n  pin:\n",
     "1:1: trakt has no client_id",
     "Put your app's Client ID there (https://developer.trakt.tv/apps), or have it put there: "
     "trakt-config login CONFIG"),
    *((f"client_id missing, and {key} too deep" if key != "client_id" else "client_id too deep",
       f"trakt:\n  authorization:\n    {key}: abc\n",
       f"3:5: trakt.authorization has a key that is not read here; {key} belongs in trakt",
       "Indent it like `authorization:`, and move it above or below that block.")
      for key in SETTING_KEYS if key != "authorization"),
    ("client_id empty, and too deep",
     "trakt:\n  client_id:\n  authorization:\n    clientId: abc\n",
     "4:5: trakt.authorization has a key that is not read here; client_id belongs in trakt",
     "Indent it like `authorization:`, and move it above or below that block. Delete the empty one "
     "in line 2."),
    ("client_id quotes",
     "trakt:\n  client_id: ''\n",
     "2:3: trakt.client_id is empty",
     "Put your app's Client ID there (https://developer.trakt.tv/apps), or have it put there: "
     "trakt-config login CONFIG"),
    ("no trakt",
     "plex:\n  a: b\n",
     "there is no trakt block in this file",
     "Add one with: trakt-config login CONFIG"),
    ("empty",
     "",
     "there is no trakt block in this file",
     "Add one with: trakt-config login CONFIG"),
    *((f"only {text!r}",
       text,
       f"{place}: the file holds a null or an empty text, where its keys belong",
       "Delete that: a file may be empty.")
      for text, place in (("null", "1:1"), ("~\n", "1:1"), ("# c\n''\n", "2:1"),
                          ("--- null\n", "1:5"))),
    *((f"no newline behind a block text: {text!r}",
       text,
       f"{place}, outside of it, would change",
       "End the file with a newline: the block text would take in what is written below it.")
      for text, place in (("a: |\n  b", "1:1: a trakt block cannot be added: line 1"),
                          ("a: 1\nb: >\n  c", "2:1: a trakt block cannot be added: line 2"))),
    ("no newline behind a block text, and no client_id",
     "trakt:\n  notes: |\n    b",
     "2:3: the trakt block cannot be edited: another key of it would change",
     "End the file with a newline: the block text would take in what is written below it."),
    ("trakt empty",
     "trakt:\n",
     "1:1: the trakt block is empty: it has no client_id",
     "Put your app's Client ID there (https://developer.trakt.tv/apps), or have it put there: "
     "trakt-config login CONFIG"),
    ("trakt braces",
     "trakt: {}\n",
     "1:1: trakt has no client_id",
     "Put your app's Client ID there (https://developer.trakt.tv/apps), or have it put there: "
     "trakt-config login CONFIG"),
    ("trakt str",
     "trakt: abc\n",
     "1:8: trakt is not a mapping",
     "Put its keys on lines of their own below it, indented with spaces."),
    ("trakt in brackets",
     "trakt: [client_id: abc, pin: 1]\n",
     "1:8: trakt is a list and not a mapping: its keys are in brackets",
     "Write braces { } in place of the brackets [ ]."),
    ("trakt in brackets and braces",
     "trakt: [{client_id: abc}]\n",
     "1:8: trakt is a list and not a mapping: its keys are in brackets",
     "Delete the brackets [ ]."),
    ("file in brackets",
     "[{\"trakt\": {\"client_id\": \"abc\"}}]\n",
     "1:1: the file is a list and not a mapping: its keys are in brackets",
     "Delete the brackets [ ]."),
    ("auth str",
     "trakt:\n  client_id: abc\n  authorization: abc\n",
     "3:18: trakt.authorization is not a mapping",
     "Put its keys on lines of their own below it, indented with spaces."),
    ("tab indentation",
     "trakt:\n\tclient_id: abc\n",
     "2:1: a tab where YAML wants spaces",
     "Use spaces instead of the tab."),
    ("tab second",
     "trakt:\n  client_id: abc\n\tclient_secret: def\n",
     "3:1: a tab where YAML wants spaces",
     "Use spaces instead of the tab."),
    ("tab after colon",
     "trakt:\n  client_id:\tabc\n",
     "2:13: a tab where YAML wants spaces",
     "Use spaces instead of the tab."),
    ("tab before comment",
     "trakt:\n  client_id: abc\t# c\n",
     "2:17: a tab where YAML wants spaces",
     "Use spaces instead of the tab."),
    ("tab elsewhere",
     "plex:\n\turl: x\n" + GOOD,
     "2:1: a tab where YAML wants spaces",
     "Use spaces instead of the tab."),
    ("yaml 1.3",
     "%YAML 1.3\n---\n" + GOOD,
     "1:1: a YAML version that is not supported",
     "Delete the line, or write `%YAML 1.2`."),
    ("yaml 1.3 line 2",
     "# c\n%YAML 1.3\n---\n" + GOOD,
     "2:1: a YAML version that is not supported",
     "Delete the line, or write `%YAML 1.2`."),
    *((f"no dashes below a directive: {above!r}",
       above + GOOD,
       f"{line}:1: not valid YAML: a line with --- is missing below this directive (%)",
       "Delete the line, or write `---` on a line of its own below it.")
      for above, line in (("%YAML 1.2\n", 1), ("%YAML 1.1\n# c\n", 1), ("# c\n%TAG ! x:\n\n", 2),
                          ("\ufeff%YAML 1.2\n", 1), ("%YAML 1.2\n%TAG ! x:\n", 2))),
    *((f"a directive that cannot be read: {text[:9]!r}",
       text,
       f"{line}:1: not valid YAML: a directive (%) that cannot be read here",
       "Delete the line.")
      for text, line in (("%YAML\n---\n" + GOOD, 1), ("% mine\n" + GOOD, 1),
                         ("---\n%YAML 1.2\n" + GOOD, 2), (GOOD + "%YAML 1.2\n", 8))),
    *((f"jinja, and comments below it: {text[:9]!r}",
       text,
       f"{place}: this is filled in by another program",
       "Run trakt-config after that program, on the file that it writes.")
      for text, place in (("{{ x }}\n# c\n" + GOOD, "1:1"), ("# c\n{{ x }}\n\n# c\n" + GOOD, "2:1"),
                          ("trakt:\n  {{ x }}\n  # c\n  # d\n  client_id: abc\n", "2:3"),
                          (GOOD.replace("  pin:\n", "  {{ x }}\n  # c\n  pin:\n"), "4:3"))),
    ("escape",
     "a: \"\\UFFFFFFFF\"\n" + GOOD,
     "1:5: not valid YAML: an escape that stands for no character",
     "Write the backslash twice, or use single quotes."),
    ("escape2",
     "a: 1\nb: \"x \\d y\"\n" + GOOD,
     "2:8: not valid YAML: a backslash in double quotes that begins no escape",
     "Write the backslash twice, or use single quotes."),
    ("windows path",
     "a: \"C:\\Users\\me\"\n" + GOOD,
     "1:9: not valid YAML: a backslash in double quotes that begins no escape",
     "Write the backslash twice, or use single quotes."),
    ("percent",
     "a: %x\n" + GOOD,
     "1:4: not valid YAML: a value cannot begin with this character",
     "Put quotes around the value."),
    ("at",
     "a: @x\n" + GOOD,
     "1:4: not valid YAML: a value cannot begin with this character",
     "Put quotes around the value."),
    ("backtick",
     "a: `x`\n" + GOOD,
     "1:4: not valid YAML: a value cannot begin with this character",
     "Put quotes around the value."),
    ("star",
     "a: *x\n" + GOOD,
     "1:4: an alias (*) whose anchor (&) is not in the file",
     "Write the value itself there."),
    ("colon in value",
     "a: b: c\n" + GOOD,
     "1:5: not valid YAML: a colon in a value",
     "Put quotes around the value that holds the colon."),
    ("a comment without a space before it",
     "trakt:\n  client_id: abc#my app\n",
     "2:14: trakt.client_id: character 7 is a space (U+0020)",
     "If a comment begins at the #, write a space before it."),
    ("client_id twice",
     "trakt:\n  client_id: client_id: abc\n",
     "2:14: the key client_id stands there twice",
     "Take one away: `client_id: VALUE`."),
    ("client_id twice, without a space",
     "trakt:\n  client_id: client_id:abc\n",
     "2:14: the key client_id stands there twice",
     "Take one away: `client_id: VALUE`."),
    ("client_secret twice, in quotes",
     "trakt:\n  client_id: abc\n  client_secret: 'client_secret: abc'\n",
     "3:18: the key client_secret stands there twice",
     "Take one away: `client_secret: VALUE`."),
    ("pin twice, in quotes",
     "trakt:\n  client_id: abc\n  pin: 'pin: 1234'\n",
     "3:8: the key pin stands there twice",
     "Take one away: `pin: VALUE`."),
    ("access_token twice",
     "trakt:\n  client_id: abc\n  authorization:\n    access_token: access_token: a\n",
     "4:19: the key access_token stands there twice",
     "Take one away: `access_token: VALUE`."),
    ("JSON twice",
     'trakt:\n  "client_id": "client_id": "abc"\n',
     "2:16: the key client_id stands there twice",
     "Take one away: `client_id: VALUE`."),
    ("twice in flow style",
     "trakt: {client_id: a, client_secret: client_secret: b}\n",
     "1:38: the key client_secret stands there twice",
     "Take one away: `client_secret: VALUE`."),
    ("trakt twice",
     "trakt: trakt:\n  client_id: abc\n",
     "1:8: the key trakt stands there twice",
     "Take one away: `trakt:`."),
    ("colon in client_id",
     "trakt:\n  client_id: abc: def\n",
     "2:17: not valid YAML: a colon in a value",
     "Put quotes around the value that holds the colon."),
    ("indent less",
     "trakt:\n    client_id: abc\n  client_secret: def\n",
     "3:3: not valid YAML: the indentation does not match the lines above",
     "Indent the keys of one block alike."),
    ("indent more",
     "trakt:\n  client_id: abc\n    client_secret: def\n",
     "3:5: not valid YAML: this line is indented deeper than the one above",
     "Indent the keys of one block alike."),
    ("indent tokens differ",
     "trakt:\n  client_id: abc\n  authorization:\n    access_token: a\n     scope: b\n",
     "5:6: not valid YAML: this line is indented deeper than the one above",
     "Indent the keys of one block alike."),
    ("list and key",
     "a:\n  - x\n  b: c\n" + GOOD,
     "3:3: not valid YAML: the indentation does not match the lines above",
     "Indent the keys of one block alike."),
    ("open bracket",
     "a: [x\n" + GOOD,
     "2:6: not valid YAML: a comma or a closing bracket is missing",
     "Check the brackets and commas there and just above."),
    ("open brace",
     "trakt: {client_id: abc\n",
     "1:8: not valid YAML: a bracket that is opened here is never closed",
     "Close it at the end of the list or mapping."),
    ("missing comma",
     "trakt: {client_id: abc client_secret: def}\n",
     "1:37: not valid YAML: a comma or a closing bracket is missing",
     "Check the brackets and commas there and just above."),
    ("JSON missing comma",
     "{\"trakt\": {\"client_id\": \"abc\" \"pin\": null}}\n",
     "1:31: not valid YAML: a comma or a closing bracket is missing",
     "Check the brackets and commas there and just above."),
    ("JSON trailing text",
     "{\"trakt\": {\"client_id\": \"abc\"}} x\n",
     "1:33: not valid YAML: more text after the end of the mapping",
     "Indent the line like the others of its block, or delete it."),
    ("JSON no brace",
     "{\"trakt\": {\"client_id\": \"abc\"}\n",
     "1:1: not valid YAML: a bracket that is opened here is never closed",
     "Close it at the end of the list or mapping."),
    ("two docs",
     GOOD + "---\na: 1\n",
     "8:1: a second YAML document begins here",
     "Keep one document in the file: delete the line with the dashes."),
    ("two docs with a block each",
     GOOD + "---\n" + GOOD,
     "8:1: a second YAML document begins here",
     "Both have a trakt block: keep one of the two, and delete the other, and the line with the "
     "dashes."),
    ("the first keys at column 0",
     "x: 1\ntrakt:\n# mine\nclient_id: abc\nclient_secret: def\n  pin:\n  authorization:\n",
     "4:1: client_id is beside trakt, not in it",
     "Indent it, and the others like it, like the keys of the block."),
    ("two docs, the dots alone",
     GOOD + "...\na: 1\n",
     "9:1: a second YAML document begins here",
     "Keep one document in the file: delete the line with the three dots."),
    ("commented out as a whole",
     "#trakt:\n#  client_id: abc\nplex:\n  url: x\n",
     "1:1: trakt is commented out, and so is not read",
     "Delete the # before it and before what belongs to it, or have a new one written: "
     "trakt-config login CONFIG"),
    ("keys commented out",
     "trakt: # mine\n  # client_id: abc\n  # client_secret: def\n",
     "2:3: client_id is commented out, and so is not read",
     "Delete the # before it and before what belongs to it, or have a new one written: "
     "trakt-config login CONFIG"),
    ("client_id commented out",
     "trakt:\n  pin:\n  #client_id: abc\nmal:\n  client_id: x\n",
     "3:3: client_id is commented out, and so is not read",
     "Delete the # before it and before what belongs to it, or have a new one written: "
     "trakt-config login CONFIG"),
    ("a comment about trakt",
     "# trakt: see below\nplex:\n  url: x\n",
     "there is no trakt block in this file",
     "Add one with: trakt-config login CONFIG"),
    *((f"copied along: {first}", f"{first}\n{GOOD}",
       "1:1: this line is neither a key nor a comment",
       "Delete it, or write # and a space before it.")
      for first in ("yaml", "Copy code", "; my config", "export A=1")),
    ("line numbers",
     "1 trakt:\n2   client_id: abc\n",
     "1:1: there is no trakt block: is this key meant?",
     "Delete the line numbers, which were copied with the lines."),
    ("line numbers with colons",
     "1: trakt:\n2:   client_id: abc\n",
     "1:1: line numbers that were copied with the lines",
     "Delete the numbers before each line."),
    ("a mail",
     "> trakt:\n>   client_id: abc\n",
     "1:1: a > that was copied with the lines",
     "Delete the > before each line."),
    ("dotted keys",
     "trakt.client_id: abc\ntrakt.client_secret: def\n",
     "1:1: there is no trakt block: is this key meant?",
     "Write `trakt:` alone on a line, and its keys below it, indented with spaces."),
    ("authorization as a literal",
     "trakt:\n  client_id: abc\n  authorization: |\n    access_token: a\n",
     "3:18: trakt.authorization is a text and not a mapping",
     "Delete the | or > after its colon."),
    ("authorization in quotes",
     "trakt:\n  client_id: abc\n  authorization: '{\"access_token\": \"a\"}'\n",
     "3:18: trakt.authorization is a text and not a mapping",
     "Delete the quotes around it."),
    *((f"client_id {value}",
       f"trakt:\n  client_id: {value}\n",
       "2:14: trakt.client_id is filled in by another program",
       "Run trakt-config after that program, on the file that it writes.")
      for value in ("$TRAKT_ID", "$(cat id)", "'%TRAKT_ID%'", "ENC[AES256_GCM,data:a=,type:str]")),
    *((f"client_id {value}",
       f"trakt:\n  client_id: {value}\n",
       "2:14: trakt.client_id has a << without a name and >> behind it",
       "Write a placeholder as `<<name>>`.") for value in ("<<TRAKT_ID", "<<>>")),
    ("a space in a placeholder",
     "trakt:\n  client_id: <<my id>>\n",
     "2:14: trakt.client_id: character 5 is a space (U+0020)",
     "Write the name of the placeholder without a space in it."),
    ("a colon and an equals sign",
     "trakt:\n  client_id: = abc\n",
     "2:14: trakt.client_id: character 2 is a space (U+0020)",
     "Delete the equals sign and the space after it."),
    ("dup pin",
     "trakt:\n  client_id: abc\n  pin:\n  pin: 1\n",
     "4:3: trakt.pin is there twice",
     "Delete one of the two: the first is in line 3."),
    ("dup trakt",
     GOOD + GOOD,
     "8:1: trakt is there twice",
     "Delete one of the two: the first is in line 1."),
    ("alias",
     "a: &a x\ntrakt:\n  client_id: *a\n",
     "3:14: an alias (*) inside the trakt block",
     "Write the value itself there."),
    ("merge",
     "a: &a {x: 1}\ntrakt:\n  <<: *a\n  client_id: x\n",
     "3:3: a merge key (<<) inside trakt",
     "Write the merged keys out in the trakt block."),
    ("nbsp",
     "trakt:\n\u00a0 client_id: abc\n",
     "2:1: an invisible character is part of the key client_id",
     "Delete everything before the key and indent it with spaces."),
    ("nbsp value",
     "trakt:\n  client_id: abc\u00a0\n",
     "2:14: trakt.client_id: character 4 is a space (U+00A0)",
     "Copy the value again, without spaces and invisible characters."),
    ("zero width",
     "trakt:\n  client_id: a\u200bbc\n",
     "2:14: trakt.client_id: character 2 is not printable ASCII (U+200B)",
     "Copy the value again, without spaces and invisible characters."),
    ("smart quotes",
     "trakt:\n  client_id: \u201cabc\u201d\n",
     "2:14: trakt.client_id: character 1 is a typographic quote (U+201C)",
     "Write the value without it."),
    ("null byte",
     "trakt:\n  client_id: a\u0000bc\n",
     "2:15: a character that YAML does not allow",
     "Delete the invisible character there."),
    ("blank inside",
     "trakt:\n  client_id: abc def\n",
     "2:14: trakt.client_id: character 4 is a space (U+0020)",
     "Copy the value again, without spaces and invisible characters."),
    ("unset placeholder",
     "trakt:\n  client_id: <<trakt_id>>\n",
     "2:14: trakt.client_id needs the environment variable KOMETA_TRAKT_ID, which is not set",
     "Set it for this program too: Kometa's .env file and command line are not read."),
    ("other placeholder",
     "trakt:\n  client_id: ${TRAKT_ID}\n",
     "2:14: trakt.client_id is filled in by another program",
     "Run trakt-config after that program, on the file that it writes."),
    ("token placeholder",
     "trakt:\n  client_id: a\n  authorization:\n    access_token: <<x>>\n",
     "4:19: trakt.authorization.access_token is a placeholder: the tokens are kept somewhere "
     "else",
     "Keep the authorization in a small file of its own, and start the job with: "
     "trakt-config exec THATFILE -- COMMAND (it sets what Kometa fills <<trakt-access-token>> "
     "from)"),
    ("pin address",
     "trakt:\n  client_id: a\n  pin: https://x/?state=1\n",
     "3:8: trakt.pin is an address without a code",
     "Delete the address, and sign in: trakt-config login CONFIG"),
    ("html",
     "<!DOCTYPE html>\n<html>\n",
     "1:1: the file is not a mapping",
     "A config has `key: value` lines at its outermost level: is this the right file?"),
    ("list root",
     "- trakt\n",
     "1:1: the file is a list and not a mapping",
     "A config has `key: value` lines at its outermost level: is this the right file?"),
    ("text",
     "hello\n",
     "1:1: the file is not a mapping",
     "A config has `key: value` lines at its outermost level: is this the right file?"),
    ("ini",
     "[trakt]\nclient_id = abc\n",
     "1:1: the file is a list and not a mapping",
     "A config has `key: value` lines at its outermost level: is this the right file?"),
    ("no room",
     "trakt:\n  client_id: x\n  notes: |\n    text",
     "3:3: the trakt block cannot be edited: another key of it would change",
     "End the file with a newline: the block text would take in what is written below it."),
    ("secret tag",
     "trakt:\n  client_id: !secret x\n",
     "2:14: trakt.client_id is filled in by another program",
     "Run trakt-config after that program, on the file that it writes."),
    ("dashes",
     "trakt:\n  client_id: abc\n  - pin: 1\n",
     "3:3: not valid YAML: a dash (-) makes this key an item of a list",
     "Delete the dash and the space after it."),
    ("trailing colon key",
     "trakt::\n  client_id: abc\n",
     "1:1: there is no trakt block: is this key meant?",
     "Write `trakt:` alone on the line, with one colon, and its keys below it, "
     "indented."),
    ("semicolon",
     "trakt;\n  client_id: abc\n",
     "1:1: there is another character after trakt where a colon belongs",
     "Write a colon in its place: `trakt:`."),
    ("quoted key open",
     "\"trakt:\n  client_id: abc\n",
     "1:1: not valid YAML: a quote that is opened here is never closed",
     "Close it at the end of the value."),
    ("literal open",
     "trakt:\n  client_id: |\n  abc\n",
     "3:3: not valid YAML: a key without a colon",
     "Write a colon and a space after it, or indent it like the text above."),
    ("colon missing space trakt",
     "trakt:client_id: abc\n",
     "1:1: there is no trakt block: is this key meant?",
     "Write `trakt:` alone on the line, with one colon, and its keys below it, "
     "indented."),
    ("one-line block",
     "trakt: client_id: abc\n",
     "1:8: trakt is not a mapping",
     "Put its keys on lines of their own below it, indented with spaces."),
    ("JSON comments //",
     "{\n  // comment\n  \"trakt\": {\"client_id\": \"abc\"}\n}\n",
     "2:3: not valid YAML: // begins no comment",
     "Write # in its place."),
    ("smart quotes key",
     "\u201ctrakt\u201d:\n  client_id: abc\n",
     "1:1: there is no trakt block: is this key meant?",
     "Write it as `trakt:`, without the quotes."),
    *((f"another character in place of a colon: {colon} {text!r}",
       text.format(colon),
       f"{place}: there is another character after {name} where a colon belongs",
       "Write a colon in its place: `trakt:`." if name == "trakt" else
       f"Write a colon and a space in its place: `{'KEY' if name == 'the key' else name}: VALUE`.")
      for colon in ("\uff1a", "\ufe55", "\u2236", ";")
      for text, place, name in (("trakt{}\n  client_id: abc\n", "1:1", "trakt"),
                                ("trakt:\n  client_id{}abc\n  pin: 1\n", "2:3", "client_id"),
                                ("trakt:\n  client_id: abc\n  pin{} 12\n", "3:3", "pin"),
                                ("plex:\n  url{} x\n  token: x\n" + GOOD, "2:3", "the key"))),
    *((f"an address without a colon before it: {text!r}",
       text + GOOD,
       f"{place}: there is no colon after this key",
       "Write a colon and a space after it: `KEY: VALUE`.")
      for text, place in (("plex:\n  url http://x\n  token: x\n", "2:3"),
                          ("url http://x\n", "1:1"))),
    ("diff pasted",
     "+trakt:\n+  client_id: abc\n",
     "1:1: there is no trakt block: is this key meant?",
     "Write it as `trakt:`, in small letters and with nothing else in it."),
    ("trakt nested under plex",
     "plex:\n  url: x\n  trakt:\n    client_id: abc\n",
     "3:3: there is no trakt block: is this key meant, which stands within another one?",
     "Move it, and its keys with it, to the outermost level of the file."),
    ("missing colon elsewhere",
     "plex\n  url: x\n" + GOOD,
     "1:1: there is no colon after this key",
     "Write a colon and a space after it: `KEY: VALUE`."),
    ("missing colon elsewhere2",
     "plex:\n  url x\n  token: y\n" + GOOD,
     "2:3: there is no colon after this key",
     "Write a colon and a space after it: `KEY: VALUE`."),
    ("missing colon elsewhere list",
     "libraries:\n  Movies\n    - a: b\n" + GOOD,
     "2:3: there is no colon after this key",
     "Write a colon and a space after it: `KEY: VALUE`."),
    ("extra bracket",
     "a: [1, 2]]\n" + GOOD,
     "1:10: not valid YAML: a closing bracket that nothing has opened",
     "Delete it."),
    ("extra brace",
     "trakt: {client_id: abc}}\n",
     "1:24: not valid YAML: a closing bracket that nothing has opened",
     "Delete it."),
    ("dash no space mixed",
     "l:\n  - a\n  -b\n" + GOOD,
     "3:3: there is no space after the dash",
     "Write one: `- VALUE`."),
    ("markdown fence",
     "```yaml\n" + GOOD + "```\n",
     "1:1: a line with ```, which was copied with the text around it",
     "Delete the lines with ```."),
    ("markdown fence end",
     GOOD + "```\n",
     "8:1: a line with ```, which was copied with the text around it",
     "Delete the lines with ```."),
    ("jinja bare quote",
     "trakt:\n  client_id: '{{ id }}'\n",
     "2:14: trakt.client_id is filled in by another program",
     "Run trakt-config after that program, on the file that it writes."),
    ("jinja without quotes",
     "trakt:\n  client_id: {{ id }}\n",
     "2:14: trakt.client_id is filled in by another program",
     "Run trakt-config after that program, on the file that it writes."),
    ("jinja with more behind it",
     "trakt:\n  client_id: {{ id }}x\n",
     "2:14: this is filled in by another program",
     "Run trakt-config after that program, on the file that it writes."),
    ("jinja around the block",
     "{% if x %}\n" + GOOD + "{% endif %}\n",
     "1:1: this is filled in by another program",
     "Run trakt-config after that program, on the file that it writes."),
    ("two keys on a line",
     "trakt:\n  client_id: abc client_secret: def\n",
     "2:18: not valid YAML: client_secret is on the line of another key",
     "Begin a new line before client_secret."),
    ("a token and a key on a line",
     "trakt:\n  client_id: abc\n  authorization:\n    access_token: ab12  token_type: bearer\n",
     "4:25: not valid YAML: token_type is on the line of another key",
     "Begin a new line before token_type."),
    *((f"no newline before a key: {text[:40]!r}",
       text,
       f"{place}: not valid YAML: {key} is on the line of another key",
       f"Begin a new line before {key}.")
      for text, place, key in (
          ("settings:\n  cache_expiration: 60trakt:\n  client_id: abc\n", "2:23", "trakt"),
          ("url: http://plex:32400trakt:\n  client_id: abc\n", "1:23", "trakt"),
          ("a: '60'trakt:\n  client_id: abc\n", "1:8", "trakt"),
          ("a: [60]trakt:\n  client_id: abc\n", "1:8", "trakt"),
          ("a: {b: 60} trakt:\n  client_id: abc\n", "1:12", "trakt"),
          ("trakt:\n  client_id: CIDclient_secret: SEC\n", "2:17", "client_secret"),
          ("trakt:\n  client_id: \"CID\"client_secret: SEC\n", "2:19", "client_secret"),
          ("trakt:\n  client_id: 12pin:\n", "2:16", "pin"),
          ("trakt:\n  client_id: beefpin:\n", "2:18", "pin"),
          (GOOD.rstrip() + "ad-scope: public\n", "7:24", "scope"),
          (GOOD.rstrip() + "RTscope: public\n", "7:23", "scope"),
          ("a: 60pin: 1\n" + GOOD, "1:6", "pin"))),
    *((f"a word that ends like a key: {word}",
       f"a: {word}: 1\n" + GOOD,
       f"1:{4 + len(word)}: not valid YAML: a colon in a value",
       "Put quotes around the value that holds the colon.")
      for word in ("pin", "shipping", "shippin", "x-pin", "my_pin", "telescope", "trakts")),
    *((f"a value goes on in the next line: {key}, {between!r}",
       f"trakt:\n  client_id: abc\n  authorization:\n    {key}: {'a1' * 20}{between}{'b2' * 12}"
       f"\n{below}",
       f"{place}: the value of {key} goes on here",
       "Write it on one line.")
      for key in ("access_token", "refresh_token")
      for below in ("", "    scope: public\n", "c3c3\nplex:\n  url: x\n")
      for between, place in (("\n", "5:1"), ("\n  ", "5:3"), ("\n    ", "5:5"),
                             (" # mine\n\n", "6:1"))),
    *((f"an ID goes on in the next line, {place}",
       text,
       f"{place}: the value of client_id goes on here",
       "Write it on one line.")
      for text, place in (
          (f"trakt:\n  client_id: {'a1' * 20}\n{'b2' * 12}\n  pin:\n", "3:1"),
          (f"trakt:\n  client_id: {'a1' * 20}\n  {'b2' * 12}\n  pin:\n", "3:3"),
          (f"trakt:\n  client_id: {'a1' * 9}\n    {'b2' * 9}\n  {'c3' * 9}\n", "4:3"))),
    *((f"no part of a value: {text!r}",
       text,
       f"{place}: not valid YAML: a key without a colon",
       "Write a colon and a space after it, or indent it like the text above.")
      for text, place in (("trakt:\n  client_id: abc\n  enabled\n", "3:3"),
                          ("trakt:\n  note: abc\nplex2\n", "3:1"),
                          ("trakt:\n  client_id: abc\n  vip 2\n", "3:3"))),
    *((f"backticks: {text[-25:]!r}",
       text,
       f"{place}: not valid YAML: a value in backticks",
       "Delete the backticks.")
      for text, place in (("trakt:\n  client_id: `CID`\n", "2:14"),
                          ("trakt:\n  client_id: abc\n  pin: `ABCD1234` # mine\n", "3:8"),
                          ("trakt:\n  client_id: ```CID```\n", "2:14"),
                          ("trakt: {client_id: `CID`}\n", "1:20"),
                          (GOOD.replace("_token: b", "_token: `b`"), "7:20"))),
    *((f"a backtick: {value}",
       f"trakt:\n  client_id: {value}\n",
       "2:14: not valid YAML: a value cannot begin with this character",
       "Put quotes around the value.") for value in ("`CID", "`a` b")),
    ("jinja comment",
     "# c\n{# for cron #}\n" + GOOD,
     "2:1: this is filled in by another program",
     "Run trakt-config after that program, on the file that it writes."),
    ("jinja within the block",
     "trakt:\n  client_id: abc\n  {%- if x %}\n  pin:\n  {%- endif %}\n",
     "3:3: this is filled in by another program",
     "Run trakt-config after that program, on the file that it writes."),
    ("dup authorization",
     "trakt:\n  client_id: abc\n  client_secret: def\n  authorization:\n  authorization:\n",
     "5:3: trakt.authorization is there twice",
     "Delete one of the two: the first is in line 4."),
    ("redirect uri with blank",
     "trakt:\n  client_id: abc\n  redirect_uri: http://127.0.0.1:8765/call back\n",
     "3:17: trakt.redirect_uri: character 27 is a space (U+0020)",
     "Copy the value again, without spaces and invisible characters."),
    ("tab after dash",
     "l:\n-\ta\n" + GOOD,
     "2:2: a tab where YAML wants spaces",
     "Use spaces instead of the tab."),
    ("auth on one line",
     "trakt:\n  client_id: abc\n  client_secret: def\n  authorization: access_token: a\n",
     "4:18: trakt.authorization is not a mapping",
     "Put its keys on lines of their own below it, indented with spaces."),
    ("equals no spaces",
     "trakt:\n  client_id=abc\n  client_secret=def\n",
     "2:3: there is an equals sign after client_id where a colon belongs",
     "Write `client_id: VALUE`."),
    ("BOM in the middle",
     "a: 1\n\ufefftrakt:\n  client_id: abc\n",
     "2:1: an invisible character is part of the key trakt",
     "Delete everything before the key."),
    *((f"invisible: {text!r}",
       text, f"{place}: an invisible character is part of the key {key}", ANEW)
      for text, place, key in INVISIBLE),
    *((f"not what it looks like: {name}",
       f"trakt:\n  {name}: abc\n",
       "2:3: trakt has no client_id: is this key meant?",
       f"Type it anew, as `client_id:`{UNSEEN}")
      for name in ("\u0441lient_id", "CLIENT_\u0406D", "client\uff3fid", "Client\u200b_ID",
                   "client\xadid")),
    *((f"not what it looks like: {name}",
       f"{name}:\n  client_id: abc\n",
       "1:1: there is no trakt block: is this key meant?",
       f"Type it anew, as `trakt:`{UNSEEN}")
      for name in ("tr\u0430kt", "\uff54rakt", "\u0422RAKT")),
    ("trakt nested under json",
     "{\"settings\": {\"trakt\": {\"client_id\": \"abc\"}}}\n",
     "1:16: there is no trakt block: is this key meant, which stands within another one?",
     "Move it, and its keys with it, to the outermost level of the file."),
)

_SINGLE = "a single value, not a list or a mapping"
_SECONDS = "the seconds that the access token lives, as a number such as 604800"
_SINCE_1970 = "seconds since 1970, as a number of ten digits"

#: A key of the authorization, a value that counts as nothing, what is expected.
UNREAD_TOKENS = (
    *((key, value, _SINGLE) for key in AUTHORIZATION_KEYS for value in ("[111]", "{a: 111}")),
    *(("expires_in", value, _SECONDS) for value in ("7 days", "7d", "-1", "0", "1e9", "604800000")),
    *(("created_at", value, _SINCE_1970)
      for value in ("1700000000000", "2026-11-01", "1700000000.5", "'\u0661'")),
    ("access_token", "'a\u00e4'", "a value in printable ASCII, as Trakt gave it"),
)

_STAND_IN = "is what a template or a mask has in its place"

#: What is no token, as YAML, and why.
NO_TOKENS = (
    ("Bearer abc", "begins with the word Bearer"), ("bearer 12ab", "begins with the word Bearer"),
    ("'****'", "is a mask"),
)

#: What Trakt has hardly given, as YAML, and why.
HARDLY_TOKENS = (
    ("a b", "has a space in it"), ("'\"12ab\"'", "has a quote that is part of it"),
    ("12ab'", "has a quote that is part of it"), ("12ab,", "ends with a comma"),
    ("'`12ab`'", "has a backtick that is part of it"),
    ("12ab;", "ends with a semicolon"), ("<token>", "has < and > that are part of it"),
    *((value, _STAND_IN) for value in (
        "12ab****", "12ab...", "'[REDACTED]'", "xxxxxxxx", "token", "access_token",
        "refresh-token", "YOUR_ACCESS_TOKEN", "fedcba9876...", "YOUR_TOKEN_HERE",
        "enter_your_token_here")),
)

#: What it is, the file, the warning behind the file's name.
WARNINGS = (
    ("one key at column 0",
     "trakt:\n  client_id: abc\npin: 1234\n",
     "3:1: pin is beside trakt, not in it, and does nothing: indent it like the keys of "
     "the block"),
    ("six at column 0",
     "trakt:\n  client_id: abc\nauthorization:\n  access_token: a\n",
     "3:1: authorization is beside trakt, not in it, and does nothing: indent it like "
     "the keys of the block"),
    ("pin list",
     "trakt:\n  client_id: abc\n  pin: [1234]\n",
     "3:8: trakt.pin does nothing as it is: write the PIN alone, without brackets, braces or "
     "a dash"),
    ("pin list block",
     "trakt:\n  client_id: abc\n  pin:\n    - 1234\n",
     "4:5: trakt.pin does nothing as it is: write the PIN alone, without brackets, braces or "
     "a dash"),
    ("pin with quotes of its own",
     "trakt:\n  client_id: abc\n  pin: '\"1234\"'\n",
     "3:8: trakt.pin does nothing as it is: write the PIN without the quotes that are part of it"),
    *((f"pin in backticks: {value}",
       f"trakt:\n  client_id: abc\n  pin: {value}\n",
       "3:8: trakt.pin does nothing as it is: write the PIN without the backticks that are part of "
       "it") for value in ("'`ABCD1234`'", "ABCD1234`")),
    ("pin with a space",
     "trakt:\n  client_id: abc\n  pin: \"123 4567\"\n",
     "3:8: trakt.pin does nothing as it is: write the PIN without the space in it"),
    ("pin with spaces beside tokens",
     GOOD.replace("  pin:\n", "  pin: AB 12 CD\n"),
     "4:8: trakt.pin does nothing as it is: write the PIN without the space in it"),
    ("pin mapping",
     "trakt:\n  client_id: abc\n  pin: {a: b}\n",
     "3:8: trakt.pin does nothing as it is: write the PIN alone, without brackets, braces or "
     "a dash"),
    ("force_refresh yes",
     "trakt:\n  client_id: abc\n  force_refresh: yes\n",
     "3:18: trakt.force_refresh does nothing as it is: write true, or false"),
    ("force_refresh 1",
     "trakt:\n  client_id: abc\n  force_refresh: 1\n",
     "3:18: trakt.force_refresh does nothing as it is: write true, or false"),
    ("force_refresh off",
     "trakt:\n  client_id: abc\n  force_refresh: off\n",
     "3:18: trakt.force_refresh does nothing as it is: write true, or false"),
    *((f"authorization, {key}: {value}",
       f"trakt:\n  client_id: abc\n  authorization:\n    {key}: {value}\n",
       f"4:{len(key) + 7}: trakt.authorization.{key} does nothing as it is: it has to be "
       f"{expected}")
      for key, value, expected in UNREAD_TOKENS),
    ("Trakt beside trakt",
     GOOD + "Trakt:\n  pin: 1\n",
     "8:1: this key does nothing: the block that is read is trakt"),
    *((f"copied along: {value}",
       f"trakt:\n  client_id: abc\n  client_secret: {value}\n",
       f"3:18: trakt.client_secret {what}: delete what Trakt did not give")
      for value, what in (("12ab,", "ends with a comma"), ("12ab;", "ends with a semicolon"),
                          ("12ab'", "has a quote that is part of it"),
                          ('12ab"', "has a quote that is part of it"),
                          ("\"'12ab'\"", "has a quote that is part of it"),
                          ("'`12ab`'", "has a backtick that is part of it"),
                          ("12ab`", "has a backtick that is part of it"),
                          ("<12ab>", "has < and > that are part of it"))),
    ("client_id in backticks in quotes",
     "trakt:\n  client_id: '`CID`'\n",
     "2:14: trakt.client_id has a backtick that is part of it: delete what Trakt did not give"),
    *((f"no token: {key}: {value}",
       f"trakt:\n  client_id: abc\n  authorization:\n    {key}: {value}\n",
       f"4:{len(key) + 7}: trakt.authorization.{key} does nothing as it is: it {what}; write what "
       "Trakt gave, and nothing else")
      for key in ("access_token", "refresh_token") for value, what in NO_TOKENS),
    *((f"hardly a token: {value}",
       f"trakt:\n  client_id: abc\n  authorization:\n    refresh_token: {value}\n",
       f"4:20: trakt.authorization.refresh_token {what}: delete what Trakt did not give")
      for value, what in HARDLY_TOKENS),
    ("stray behind another block",
     "trakt:\n  client_id: abc\nplex:\n  url: x\nauthorization:\n  access_token: a\n",
     "5:1: authorization is beside trakt, not in it, and does nothing: move it into the block"),
    ("tokens too deep",
     "trakt:\n  client_id: abc\n  authorization:\n    tokens:\n      access_token: a\n",
     "4:5: trakt.authorization has a key that is not read here; the tokens below it belong in its "
     "place"),
    ("authorization mispelt",
     "trakt:\n  client_id: abc\n  authorisation:\n    access_token: a\n",
     "3:3: trakt has a key that is not read here; is authorization meant?"),
    ("tokens directly under trakt",
     "trakt:\n  client_id: abc\n  access_token: a\n",
     "3:3: trakt has a key that is not read here; access_token belongs in trakt.authorization"),
    *((f"{key} comment", GOOD.replace("  pin:\n", f"  {key}: #12ab34cd # c\n")
       if key != "pin" else GOOD.replace("  pin:\n", "  pin: #12ab34cd\n"),
       f"4:3: trakt.{key} is only a comment: what is after # is not read")
      for key in ("pin", "redirect_uri", "force_refresh")),
    *((f"{key} comment", GOOD.replace("    access_token: a\n", f"    {key}: #xyz\n").replace(
        "    refresh_token: b\n", "" if key == "refresh_token" else "    refresh_token: b\n"),
       f"6:5: trakt.authorization.{key} is only a comment: what is after # is not read")
      for key in AUTHORIZATION_KEYS),
    ("redirect_uri without a scheme",
     GOOD + "  redirect_uri: localhost:8765\n",
     "8:17: trakt.redirect_uri does not begin with http:// or https://, as an address does: write "
     "it as the Trakt app has it"),
    ("client_secret comment",
     "trakt:\n  client_id: abc\n  client_secret: ####\n",
     "3:3: trakt.client_secret is only a comment: what is after # is not read"),
    ("Pin key",
     "trakt:\n  client_id: abc\n  Pin: 12345678\n",
     "3:3: trakt has a key that is not read here; is pin meant?"),
    ("pins",
     "trakt:\n  client_id: abc\n  pins: 12345678\n",
     "3:3: trakt has a key that is not read here; is pin meant?"),
    ("force-refresh",
     "trakt:\n  client_id: abc\n  force-refresh: true\n",
     "3:3: trakt has a key that is not read here; is force_refresh meant?"),
    ("redirect_url",
     "trakt:\n  client_id: abc\n  redirect_url: http://127.0.0.1:8765/callback\n",
     "3:3: trakt has a key that is not read here; is redirect_uri meant?"),
)

#: Nothing is wrong with these, however odd they look.
NO_MISTAKES = (
    GOOD,
    *(GOOD + f"  redirect_uri: {uri}\n" for uri in (
        "urn:ietf:wg:oauth:2.0:oob", "http://127.0.0.1:8765/callback", "https://example.org",
        "org.example.app:/callback", "example://callback", "")),
    GOOD.replace("access_token: a", "access_token: # none yet"),
    GOOD.replace("  pin:\n", "  pin: ####\n"),
    GOOD.replace("  pin:\n", "  pin: Enter your pin here\n"),
    GOOD.replace("  pin:\n", "  pin: <8 digits>\n"),
    GOOD + "client_id: of another program\n",
    GOOD + "tracks: x\n",
    GOOD + "trakt_old:\n  pin: 1\n",
    GOOD.replace("  client_secret: def\n", "  client_secret: # newer apps have none\n"),
    GOOD.replace("  pin:\n", "  pin:\n  notes: what nobody reads\n"),
    "libraries:\n  Movies:\n    trakt:\n      list: x\n" + GOOD,
    GOOD + "a: '// no comment'\nb: '```'\n",
    GOOD + "notes: |\n  =======\n  <<<<<<< HEAD\n",
    GOOD.replace("  pin:\n", "  force_refresh: FALSE\n"),
)


def read(text: str) -> Any:
    """What a run does with the file: read it, and write the next authorization into it."""
    document = parse(text.encode())
    settings = read_settings(document, {})
    set_authorization(document, NEW, clear_pin=True)
    return settings


@pytest.mark.parametrize("text, message, hint", [row[1:] for row in ERRORS],
                         ids=[row[0] for row in ERRORS])
def test_errors_name_the_mistake(text: str, message: str, hint: str) -> None:
    """One line of what is wrong and where, one of what to do; no word of the file."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    error = caught.value
    place = f"{error.line}:{error.column}: " if error.line else ""
    assert (place + error.message, str(error).partition("\n  ")[2]) == (message, hint)
    assert error.__context__ is None and error.__cause__ is None


@pytest.mark.parametrize("text, warning", [row[1:] for row in WARNINGS],
                         ids=[row[0] for row in WARNINGS])
def test_warnings_name_what_does_nothing(text: str, warning: str) -> None:
    """The file can be used, but something in it has no effect."""
    (found,) = read(text).warnings
    assert f"{found.line}:{found.column}: {found.message}" == warning


@pytest.mark.parametrize("text", NO_MISTAKES)
def test_good_files_have_no_warnings(text: str) -> None:
    assert read(text).warnings == ()


@pytest.mark.parametrize("text, place, what, way", AS_LISTS)
def test_keys_with_a_dash_are_named_and_the_advice_works(text: str, place: str, what: str,
                                                         way: str) -> None:
    """Followed once or, where a block in the block has dashes as well, again."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    error = caught.value
    assert f"{error.line}:{error.column}: {error.message}" \
        == f"{place}: {what} is a list and not a mapping: a dash (-) is before this key"
    assert error.hint == {
        "delete": "Delete the dash and the space after it, and the others like it.",
        "replace": "Write a space in place of the dash, and of the others like it."}[way]
    column = int(place.partition(":")[2]) - 1
    corrected = re.sub(rf"(?m)^( {{{column}}})- ", r"\1" if way == "delete" else r"\1  ", text)
    assert read(corrected).client.client_id == "abc"


@pytest.mark.parametrize("key, name", [
    (key, name) for key, names in OTHER_NAMES.items() if key != "client_id" for name in names])
def test_other_names_of_our_keys_are_named_before_a_login_adds_a_second(key: str,
                                                                        name: str) -> None:
    """They do nothing; so says every command, and a sign-in asks for nothing."""
    home, indentation = ("trakt.authorization", "    ") if key in AUTHORIZATION_KEYS \
        else ("trakt", "  ")
    good = "trakt:\n  client_id: abc\n  authorization:\n    {}\n" if indentation == "    " \
        else "trakt:\n  client_id: abc\n  {}\n"
    text = good.format(f"{name}: " + ("{scope: x}" if key == "authorization" else "1234"))
    line = text.count("\n")
    expected = f"{home} has a key that is not read here; is {key} meant?"
    (found,) = read(text).warnings
    assert (found.line, found.column, found.message) == (line, len(indentation) + 1, expected)
    with pytest.raises(ConfigError) as caught:
        refuse_misspelt_keys(parse(text.encode()))
    assert (caught.value.line, caught.value.message) == (line, expected)


@pytest.mark.parametrize("text, hint", [
    ("trakt:\n  client_id: abc\n  pin:\n  PIN: 1234\n",
     "Write it as `pin:`. Delete the empty one in line 3."),
    ("trakt:\n  client_id: abc\n  access_token: a\n  authorization:\n    access_token:\n",
     "Move it, and the others like it, below `authorization:`, indented deeper than that. "
     "Delete the empty one in line 5."),
    ("trakt:\n  client_id: abc\n  pin:\n  authorization:\n    pin: 1234\n",
     "Indent it like `authorization:`, and move it above or below that block. "
     "Delete the empty one in line 3."),
    ("trakt:\n  client_id: abc\n  authorization:\n    scope:\n  authorisation:\n    scope: x\n",
     "Write it as `authorization:`. Delete the empty one in line 3, and what is below it."),
])
def test_who_follows_the_advice_has_no_key_twice(text: str, hint: str) -> None:
    (found,) = read(text).warnings
    assert found.hint == hint


@pytest.mark.parametrize("name", UNRELATED)
@pytest.mark.parametrize("text", ["trakt:\n  client_id: abc\n  {}: true\n",
                                  "trakt:\n  client_id: abc\n  authorization:\n    {}: 7\n"])
def test_unrelated_keys_are_left_alone(name: str, text: str) -> None:
    """Nor is one that has another name for a key that is set."""
    document = parse(text.format(name).encode())
    refuse_misspelt_keys(document)
    assert read_settings(document, {}).warnings == ()


@pytest.mark.parametrize("key, name", [("access_token", "acces_token"), ("scope", "scopes")])
def test_a_misspelt_key_beside_the_right_one_is_to_be_deleted(key: str, name: str) -> None:
    (problem,) = other_keys(parse(f"{GOOD}    {key}: a\n    {name}: b\n".replace(
        "    access_token: a\n", "", key == "access_token").encode()))
    assert problem.message.endswith(f"; {key} is there as well: delete this one if that was meant")


@pytest.mark.parametrize("name", ["expires_at", "expires", "expiry", "expiration_date"])
def test_an_end_of_the_token_in_other_words_is_in_nobodys_way(name: str) -> None:
    """What is written fills expires_in, whatever that says; seconds there are expires_in."""
    text = GOOD + f"    expires_in:\n    {name}: "
    document = parse(f"{text}2026-11-30T10:00:00Z\n".encode())
    refuse_misspelt_keys(document)
    assert read_settings(document, {}).warnings == ()
    (problem,) = other_keys(document)
    assert (problem.line, problem.message.partition("; ")[2]) \
        == (9, "when the access token ends is taken from created_at and expires_in")
    with pytest.raises(ConfigError, match="is expires_in meant"):
        refuse_misspelt_keys(parse(f"{text}604800\n".encode()))


@pytest.mark.parametrize("text, key", [
    ("refresh: true", "is force_refresh meant?"), ("token: {access_token: a}",
                                                   "is authorization meant?"),
    ("refresh: abc", "refresh_token belongs in trakt.authorization"),
    ("token: abc", "access_token belongs in trakt.authorization"),
    ("access token: abc", "access_token belongs in trakt.authorization")])
def test_names_that_mean_two_things_are_told_apart_by_their_values(text: str, key: str) -> None:
    (found,) = read(f"trakt:\n  client_id: abc\n  {text}\n").warnings
    assert found.message == f"trakt has a key that is not read here; {key}"


@pytest.mark.parametrize("value", ["my-id", "abc", "id", "a" * 64, "here4you", "xX0xX",
                                   "8f3e-your-2c1d", "enterprise", "placeholders"])
def test_an_id_is_not_taken_for_a_template(value: str) -> None:
    """Trakt has changed their length and their letters before."""
    assert read(f"trakt:\n  client_id: {value}\n").client.client_id == value


@pytest.mark.parametrize("value", [value for value, _ in HARDLY_TOKENS])
def test_what_trakt_has_hardly_given_is_read_all_the_same(value: str) -> None:
    """What an answer brings has to be found again."""
    found = read(f"trakt:\n  client_id: abc\n  authorization:\n    access_token: {value}\n")
    assert found.access_token is not None and len(found.warnings) == 1


@pytest.mark.parametrize("value, what", NO_TOKENS)
def test_what_cannot_be_a_token_counts_as_none(value: str, what: str) -> None:
    """It would be sent to Trakt, or printed for another program to send."""
    found = read("trakt:\n  client_id: abc\n  authorization:\n    expires_in: 60\n    created_at: "
                 f"1790000000\n    access_token: {value}\n    refresh_token: {value}\n")
    assert (found.authorization, found.access_token, found.refresh_token) == (None, None, None)
    assert len(found.warnings) == 2


@pytest.mark.parametrize("value", ["a", "12e03", "a.b-c_d~e+f/g==", "abc|def:ghi", "xX0x", "tok",
                                   "deadbeef" * 8, "eyJhbGciOi.eyJzdWIi.x-_y"])
def test_a_token_is_not_measured(value: str) -> None:
    """Trakt has changed their form before; only what is clearly none is refused."""
    text = f"trakt:\n  client_id: abc\n  authorization:\n    refresh_token: {value}\n"
    assert read(text).refresh_token is not None and not read(text).warnings


@pytest.mark.parametrize("pin", ["enter_pin_here", "YOUR_PIN", "xxxxxxxx", "<pin>", "1234..."])
def test_a_pin_of_a_template_is_never_sent(pin: str) -> None:
    settings = read(f"trakt:\n  client_id: abc\n  pin: {pin}\n")
    assert (settings.pin, settings.warnings) == (None, ())


@pytest.mark.parametrize("encoding", [
    f"utf-{bits}{order}" for bits in (16, 32) for order in ("", "-le", "-be")])
def test_a_file_in_another_unicode_encoding_is_called_so(encoding: str) -> None:
    """With or without a byte order mark."""
    name = encoding[:6].upper()
    for mark in ("", "\ufeff"):
        with pytest.raises(ConfigError, match=f"^config:1:1: the file is {name}, and not UTF-8\n"):
            parse((mark + GOOD).encode(encoding))


def test_a_file_of_null_bytes_is_not_called_an_encoding() -> None:
    with pytest.raises(ConfigError, match="^config:1:1: the file begins with null bytes"):
        parse(bytes(4096))


@pytest.mark.parametrize("data", [
    gzip.compress(GOOD.encode(), mtime=1), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"\x7fELF\x02\x01\x01\0\xff",
    b"SQLite format 3\0\x10\0\xff", b"PK\x03\x04\x14\0\x08\x08\xff"])
def test_a_file_that_is_no_text_is_not_to_be_saved_as_one(data: bytes) -> None:
    with pytest.raises(ConfigError, match="^config:1:1: the file is no text\n.*right file"):
        parse(data)


@pytest.mark.parametrize("name", ["\u0440in", "PI\u039d", "\uff50\uff49\uff4e", "p\ufe0fin"])
def test_a_key_that_only_looks_right_is_not_to_be_written_as_it_looks(name: str) -> None:
    (found,) = read(f"trakt:\n  client_id: abc\n  {name}: 1234\n").warnings
    assert found.message.endswith("is pin meant?")
    assert found.hint == f"Type it anew, as `pin:`{UNSEEN}"


SECRET = "S3CRET"


@pytest.mark.parametrize("break_it", [
    lambda text: text.replace(": ", " ", 1), lambda text: text.replace(": ", ":", 2),
    lambda text: text.replace("  ", "", 1), lambda text: text.replace(": ", ": \"", 1),
    lambda text: text.replace(": ", ": '", 2), lambda text: text.replace(": ", ": [", 1),
    lambda text: text.replace(": ", ": @", 1), lambda text: text.replace(": ", ": a: ", 1),
    lambda text: text.replace("  ", "\t", 1), lambda text: text.replace(": ", ": *", 1),
    lambda text: text.replace(": ", " = "), lambda text: text.replace(": ", ": \"\\d", 1),
    lambda text: text.replace("trakt:", "trakt"), lambda text: text.replace("trakt:", "Trakt:"),
    lambda text: text.replace("  client_id", "      client_id"),
    lambda text: "<<<<<<< " + text, lambda text: text + text, lambda text: "- " + text,
])
def test_no_message_quotes_the_file(break_it: Callable[[str], str]) -> None:
    """Whatever the mistake, and wherever the secrets stand."""
    good = (f"trakt:\n  client_id: {SECRET}\n  client_secret: {SECRET}\n  pin: {SECRET}\n"
            f"  authorization:\n    access_token: {SECRET}\n")
    try:
        read(break_it(good))
    except ConfigError as error:
        assert SECRET not in str(error)
