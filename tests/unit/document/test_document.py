"""Reading and editing the trakt block: whole files before and after, in bytes."""
from __future__ import annotations

import copy
import inspect
import math
import pickle
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import ruamel.yaml

import trakt_config
from trakt_config.document import edit as module
from trakt_config.document import parser
from trakt_config.document.document import Document, parse
from trakt_config.document.edit import (
    clear_authorization,
    fill_client,
    set_authorization,
)
from trakt_config.errors import ConfigError
from trakt_config.tokens import AUTHORIZATION_KEYS, Authorization, Secret

CONFIGS = sorted((Path(__file__).parents[2] / "support" / "configs").glob("*.yml"))

NEW = {"access_token": "ACCESS", "token_type": "bearer", "expires_in": "604800",
       "refresh_token": "REFRESH", "scope": "public", "created_at": "1790000000"}

SIX = b"""\
    access_token: ACCESS
    token_type: bearer
    expires_in: 604800
    refresh_token: REFRESH
    scope: public
    created_at: 1790000000
"""

FLOW_SIX = (b"access_token: ACCESS, token_type: bearer, expires_in: 604800, "
            b"refresh_token: REFRESH, scope: public, created_at: 1790000000")

JSON_SIX = (b'"access_token": "ACCESS", "token_type": "bearer", "expires_in": 604800, '
            b'"refresh_token": "REFRESH", "scope": "public", "created_at": 1790000000')


def cases(*rows: tuple[str, bytes, bytes]) -> pytest.MarkDecorator:
    """Before/after tables whose first column says what is shown."""
    return pytest.mark.parametrize("before, after", [pytest.param(b, a, id=i) for i, b, a in rows])


def edited(before: bytes, values: dict[str, str] | None = None, *,
           clear_pin: bool = True) -> bytes:
    """The bytes after an edit, which a second edit leaves alone."""
    once = set_authorization(parse(before), NEW if values is None else values,
                             clear_pin=clear_pin)
    values = NEW if values is None else values
    assert set_authorization(once, values, clear_pin=clear_pin).data == once.data
    return once.data


# -- reading -------------------------------------------------------------------------------------

def test_values_are_the_characters_of_the_file() -> None:
    """No YAML type touches them."""
    document = parse(b"trakt:\n  pin: 1234E567\n  client_id: 0012345\n  force_refresh: True\n"
                     b"  client_secret: ' x '\n  redirect_uri: \"a\\u0062\"\n  authorization:\n"
                     b"    access_token: |\n      tok\n    expires_in: 1_0\n    scope: a\n     b\n")
    assert document.trakt is not None and document.has_trakt
    assert {key: value.text for key, value in document.trakt.items()} == {
        "pin": "1234E567", "client_id": "0012345", "force_refresh": "True", "client_secret": "x",
        "redirect_uri": "ab", "authorization": ""}
    assert not document.trakt["authorization"].scalar
    assert {key: value.text for key, value in document.authorization.items()} == {
        "access_token": "tok", "expires_in": "1_0", "scope": "a b"}


@pytest.mark.sampled(1)
@pytest.mark.parametrize("value", ["", " ~", " null", " Null", " NULL", " ''", ' "  "', " # c",
                                   " !!null ''", " |\n"])
def test_blank_values(value: str) -> None:
    """Null in all its spellings, and strings without a character, are blank, at their key."""
    document = parse(f"trakt:\n  pin:{value}\n  client_id: x\n".encode())
    assert document.trakt is not None
    pin = document.trakt["pin"]
    assert (pin.blank, pin.line, pin.column) == (True, 2, 3)


def test_words_in_quotes_are_not_null() -> None:
    """Quotes make a string of them."""
    document = parse(b"trakt: {pin: 'null', client_id: \"~\"}")
    assert document.trakt is not None
    assert not document.trakt["pin"].blank and not document.trakt["client_id"].blank


def test_positions_count_from_one_and_a_byte_order_mark_has_none() -> None:
    """Lines and columns are those of an editor."""
    document = parse(b"\xef\xbb\xbftrakt:\r\n  client_id: x\r\n")
    assert (document.trakt_line, document.trakt_column) == (1, 1)
    assert document.trakt is not None
    value = document.trakt["client_id"]
    assert (value.line, value.column, value.scalar, value.blank) == (2, 14, True, False)


@pytest.mark.parametrize("data", [b"", b"\n", b"# c\n", b"---\n", b"---\n...\n", b"a: 1\n",
                                  b"\xef\xbb\xbf", b"{}", b"~\n", b"a: {trakt: {pin: 1}}\n",
                                  b"a: |\n  trakt:\n    pin: 1\n"])
def test_no_trakt_is_not_an_error(data: bytes) -> None:
    """An empty file, or one about other things."""
    document = parse(data)
    assert document.trakt is None and not document.has_trakt and document.authorization == {}


@pytest.mark.parametrize("data", [b"trakt:", b"trakt: ~\n", b"trakt: ''\n", b"{trakt: null}",
                                  b"a: 1\ntrakt:   # c\n# d\nb: 1\n", b"trakt: !!map\n"])
def test_null_trakt(data: bytes) -> None:
    """The key is there, the block is not."""
    document = parse(data)
    assert document.trakt is None and document.has_trakt and document.trakt_column is not None


def test_repr_shows_nothing_of_the_file() -> None:
    """Neither values nor keys nor bytes."""
    document = parse(b"trakt: {client_id: SECRET, SECRET: 1, authorization: {scope: SECRET}}")
    assert document.trakt is not None
    assert "SECRET" not in repr(document) + repr(document.trakt["client_id"])
    assert "SECRET" not in repr(document._layout)


def test_same_key_names_elsewhere_are_not_ours() -> None:
    """Only the root's trakt, only its authorization."""
    data = (b"mal:\n  authorization:\n    access_token: MAL\nlibraries:\n  x:\n    trakt:\n"
            b"      pin: 1\n")
    trakt = b"trakt:\n  client_id: x\n  authorization:\n" + SIX
    assert edited(data + trakt.replace(b"ACCESS", b"old")) == data + trakt


# -- refusals ------------------------------------------------------------------------------------

REFUSALS = [
    ("not UTF-8", b"a: 1\nb: \xff\n", 2, 4),
    ("UTF-16", "trakt:\n".encode("utf-16"), 1, 1),
    ("a sequence", b"# c\n- a\n", 2, 1),
    ("a scalar", b"SECRET\n", 1, 1),
    ("trakt is a string", b"trakt: SECRET\n", 1, 8),
    ("trakt is a list", b"trakt:\n- a\n", 2, 1),
    ("trakt is tagged text", b"trakt: !include SECRET.yml\n", 1, 8),
    ("authorization is a string", b"trakt:\n  authorization: SECRET\n", 2, 18),
    ("authorization is a list", b"trakt:\n  authorization: []\n", 2, 18),
    ("trakt twice", b"trakt:\n  pin: 1\na: 1\n'trakt': {}\n", 4, 1),
    ("pin twice", b"trakt:\n  pin: 1\n  \"pin\": 2\n", 3, 3),
    ("client_id twice", b"trakt: {client_id: 1, client_id: 2}\n", 1, 23),
    ("authorization twice", b"trakt:\n  authorization:\n  authorization:\n", 3, 3),
    ("scope twice", b"trakt:\n  authorization:\n    scope: 1\n    scope: 2\n", 4, 5),
    ("an alias for trakt", b"a: &a {}\ntrakt: *a\n", 2, 8),
    ("an alias inside", b"a: &a x\ntrakt:\n  client_id: *a\n", 3, 14),
    ("an alias in an extra key", b"a: &a x\ntrakt:\n  extra: [*a]\n", 3, 11),
    ("an alias as a key", b"a: &a pin\ntrakt:\n  *a : 1\n", 3, 3),
    ("a merge key", b"trakt:\n  <<: {a: 1}\n", 2, 3),
    ("a merge key in authorization", b"trakt:\n  authorization:\n    <<: {a: 1}\n", 3, 5),
    ("a merge key that may bring trakt", b"a: &a {}\nb: 1\n<<: *a\n", 3, 1),
    ("trakt used elsewhere", b"trakt: &t\n  pin: 1\nb: *t\n", 1, 8),
    ("authorization used elsewhere", b"trakt:\n  authorization: &t {}\nb: *t\n", 2, 18),
    ("a token used elsewhere", b"trakt:\n  authorization:\n    scope: &t x\nb: *t\n", 3, 12),
    ("part of a token used elsewhere", b"trakt: {pin: [&t x]}\nb: *t\n", 1, 15),
    ("a second document", b"trakt:\n  pin: 1\n---\na: 1\n", 3, 1),
    ("a key without a colon", b"trakt:\n  ? authorization\n  ? client_id\n  : x\n", 2, 5),
    ("trakt without a colon", b"? trakt\n? a\n", 1, 3),
    ("the colon belongs to the root", b"trakt:\n  ? authorization\n: x\n", 2, 5),
    ("a tagged key", b"trakt:\n  authorization:\n    !!str access_token: x\n", 3, 5),
    ("a tagged key in flow style", b"{trakt: {!mine pin: x}}\n", 1, 10),
    ("a tagged trakt", b"!!str trakt:\n  pin: x\n", 1, 1),
    ("unclosed quotes", b"a: 'SECRET\n", 1, 4),
    ("unknown YAML version", b"%YAML 1.3\n---\na: 1\n", 1, 1),
    ("a huge code point", b'a: "\\UFFFFFFFF"\n', 1, 5),
    ("a control character", b"a: 1\nb: x\x01\n", 2, 5),
    ("wrong indentation", b"a:\n    b: 1\n  c: 2\n", 3, 3),
    ("a colon too much", b"a: b: SECRET\n", 1, 5),
    ("an undefined tag handle", b"a: !x!SECRET 1\n", 1, 4),
    ("too deep", b"a: " + b"[" * 120 + b"]" * 120, 1, 103),
    ("too large", b"#" * (2 * 1024 * 1024 + 1), None, None),
    ("a second byte order mark", b"\xef\xbb\xbf\xef\xbb\xbftrakt:\n  pin: 1\n", 1, 1),
    ("a no-break space before trakt", b"\xc2\xa0trakt:\n  pin: 1\n", 1, 1),
    ("a no-break space as indentation", b"trakt:\n\xc2\xa0 client_id: 1\n", 2, 1),
    ("a no-break space inside", b"trakt:\n  a: 1\n  \xc2\xa0pin: 1\n", 3, 3),
    ("a no-break space moves a token to the root",
     b"trakt:\n  client_id: x\n  authorization:\n\xc2\xa0   access_token: x\n", 4, 1),
    ("a no-break space moves a token into trakt",
     b"trakt:\n  client_id: x\n  authorization:\n  \xc2\xa0 scope: x\n", 4, 3),
    ("a no-break space moves the pin to the root",
     b"trakt:\n  client_id: x\n\xc2\xa0 pin: x\n", 3, 1),
]


@pytest.mark.parametrize("data, line, column",
                         [pytest.param(*row[1:], id=row[0]) for row in REFUSALS])
def test_refusals_name_the_place_and_quote_nothing(data: bytes, line: int | None,
                                                   column: int | None) -> None:
    """One line of what is wrong, one of what to do, no foreign exception behind it."""
    with pytest.raises(ConfigError) as caught:
        parse(data)
    error = caught.value
    assert (error.line, error.column) == (line, column)
    assert error.message and error.hint and "\n" not in error.message + error.hint
    assert "SECRET" not in str(error) and error.path is None
    assert error.__cause__ is None and error.__context__ is None


@pytest.mark.parametrize("data, line, column", [
    pytest.param(b"trakt:\n\tpin: 1\n", 2, 1, id="as indentation"),
    pytest.param(b"trakt:\n  pin:\t1\n", 2, 7, id="after a colon"),
    pytest.param(b"trakt:\n  pin: 1\t# c\n", 2, 9, id="before a comment"),
])
def test_tabs_have_their_own_words(data: bytes, line: int, column: int) -> None:
    """The line of the tab, and spaces as the remedy."""
    with pytest.raises(ConfigError, match="tab") as caught:
        parse(data)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert "Use spaces" in caught.value.hint


@pytest.mark.parametrize("data", [
    b"base: &b {a: 1}\nother:\n  <<: *b\ntrakt:\n  client_id: x\n",
    b"trakt:\n  client_id: &c x\n  authorization: &unused {}\nother: *c\n",
    b"trakt:\n  pin: &p 1\nx: &p 2\ny: *p\n",
    b"a: !unknown {b: !!timestamp nonsense}\ntrakt:\n  client_id: x\n",
    b"mal: {\xc2\xa0pin: 1}\ntrakt:\n  client_id: x\n",
    b"a: " + b"[" * 99 + b"]" * 99 + b"\ntrakt:\n  client_id: x\n",
])
def test_what_does_no_harm_is_accepted(data: bytes) -> None:
    """Aliases, tags and depth elsewhere; anchors of ours that nothing of ours depends on."""
    assert parse(data).trakt is not None


# -- values --------------------------------------------------------------------------------------

def with_access(value: bytes) -> bytes:
    return (b"trakt:\n  client_id: x\n  authorization:\n    access_token:" + value
            + b"    token_type: bearer\n")


@pytest.mark.parametrize("before, after", [pytest.param(b, a, id=repr(b)) for b, a in [
    (b"\n", b" ACCESS\n"),
    (b"      # c\n", b" ACCESS     # c\n"),
    (b" # c\n", b" ACCESS # c\n"),
    (b" ####\n", b" ACCESS ####\n"),
    (b"   \n", b" ACCESS  \n"),
    (b"  old   # c\n", b"  ACCESS   # c\n"),
    (b" 'o''ld'\n", b" 'ACCESS'\n"),
    (b' "old"# c\n', b' "ACCESS" # c\n'),
    (b" ''\n", b" 'ACCESS'\n"),
    (b" ~ # c\n", b" ACCESS # c\n"),
    (b" one\n      two\n\n      three # c\n", b" ACCESS # c\n"),
    (b' "one\n\n  two" # c\n', b' "ACCESS" # c\n'),
    (b" |\n      old\n", b" ACCESS\n"),
    (b" |-2  # header\n      old\n\n      more\n\n\n", b" ACCESS  # header\n\n\n"),
    (b" >+\n      old\n\n", b" ACCESS\n\n"),
    (b" |\n\n", b" ACCESS\n\n"),
    (b" [REDACTED]  # c\n", b" ACCESS  # c\n"),
    (b" [a, # c\n   b]\n", b" ACCESS\n"),
    (b" {a: b}\n", b" ACCESS\n"),
    (b"\n      old # c\n", b"\n      ACCESS # c\n"),
    (b" # k\n\n      'old'\n", b" # k\n\n      'ACCESS'\n"),
    (b" # k\n      [old]\n\n", b" ACCESS # k\n\n"),
    (b"\n      |\n      old\n", b"\n      ACCESS\n"),
    (b" !!str 12 # c\n", b" ACCESS # c\n"),
    (b" !!str &a 'v'\n", b" 'ACCESS'\n"),
    (b" &a !!str v\n", b" ACCESS\n"),
    (b" &a\n", b" ACCESS\n"),
    (b" !!str # c\n      old\n", b" ACCESS # c\n"),
    (b" !!str\n      old\n", b"\n      ACCESS\n"),
    (b" !!str |  # c\n      old\n\n", b" ACCESS  # c\n\n"),
    (b" !!str &a\n      >-\n      old\n", b"\n      ACCESS\n"),
    (b"\n    - a\n    - b # c\n", b" ACCESS # c\n"),
    (b" # k\n      - a\n      -\n", b" ACCESS # k\n"),
    (b"\n      a: b\n      c:\n", b" ACCESS\n"),
    (b" # k\n      !!str old\n\n", b" ACCESS # k\n\n"),
    (b" # k\n      &a old\n", b" ACCESS # k\n"),
    (b" !!str # k\n      old\n\n", b" ACCESS # k\n\n"),
    (b" &a:b # k\n      'old'\n", b" # k\n      'ACCESS'\n"),
    (b" &a:?%@`b !!str # k\n      'old'\n", b" # k\n      'ACCESS'\n"),
    (b" # k\n      old # c\n\n", b" # k\n      ACCESS # c\n\n"),
]])
def test_old_values_of_any_style_are_replaced(before: bytes, after: bytes) -> None:
    """Quotes, comments, blanks and blank lines stay; the value, tags and anchors go."""
    assert edited(with_access(before), {"access_token": "ACCESS"}) == with_access(after)


@pytest.mark.parametrize("token, block, flow", [
    ("1e5", b'"1e5"', b'"1e5"'), ("a: b", b'"a: b"', b'"a: b"'), ("a b", b"a b", b'"a b"'),
    ("a'b", b"a'b", b'"a\'b"'), ("null", b'"null"', b'"null"'), ("12", b'"12"', b'"12"'),
])
def test_tokens_that_look_like_something_else(token: str, block: bytes, flow: bytes) -> None:
    """They are quoted where a reader would misread them."""
    before = b"trakt:\n  authorization:\n    access_token: old\n"
    assert edited(before, {"access_token": token}) == before.replace(b"old", block)
    before = b"trakt: {authorization: {access_token: old}}\n"
    assert edited(before, {"access_token": token}) == before.replace(b"old", flow)


def test_numbers_are_written_bare() -> None:
    """Whatever quotes the old ones had."""
    before = b"trakt:\n  authorization:\n    expires_in: '1'# c\n    created_at: \"2\"\n"
    assert edited(before, {"expires_in": "604800", "created_at": "1790000000"}) == (
        b"trakt:\n  authorization:\n    expires_in: 604800 # c\n    created_at: 1790000000\n")


@pytest.mark.parametrize("before", [
    b"trakt:\n  authorization:\n" + SIX,
    b"trakt:\n  authorization:\n" + SIX.replace(b"604800", b"'604800'"),
    b'{"trakt": {"authorization": {' + JSON_SIX + b'}}}',
    b"trakt:\n  pin: ~\n  authorization:\n    access_token: 'ACCESS'\n" + SIX.split(b"\n", 1)[1],
])
def test_values_that_are_there_already_stay_as_they_are(before: bytes) -> None:
    """The same bytes, and the same document."""
    document = parse(before)
    assert set_authorization(document, NEW, clear_pin=True) is document


@cases(
    ("block", b"  pin: 1234     # c\n", b"  pin:     # c\n"),
    ("quoted", b"  pin: '1234'\n", b"  pin:\n"),
    ("quoted before a comment", b"  pin: '1'# c\n", b"  pin: # c\n"),
    ("next line", b"  pin:\n    1234\n", b"  pin:\n"),
    ("next line, comments", b"  pin: # k\n    1234 # c\n", b"  pin: # k\n     # c\n"),
    ("next line, a comment behind it", b"  pin:\n    1234 # c\n", b"  pin: # c\n"),
    ("blank line and comment", b"  pin:\n\n    1234 # c\n", b"  pin:\n\n     # c\n"),
    ("comment between tag and value", b"  pin:\n\n    !!str # k\n    1234\n",
     b"  pin:\n\n     # k\n"),
    ("another line ending", b"  pin:\n\r\n    1234\n", b"  pin:\n\r\n    \n"),
    ("another line ending before a comment", b"  pin:\r\n    1234 # c\n",
     b"  pin:\r\n     # c\n"),
    ("comment that ends with a colon", b"  pin: # k:\n    1234 # c\n", b"  pin: # k:\n     # c\n"),
    ("blanks behind it", b"  pin: # k\n    1234  \n", b"  pin: # k\n"),
    ("blank line between", b"  pin:\n\n    1234\n", b"  pin:\n\n"),
    ("multi-line", b"  pin: 12\n    34 # c\n", b"  pin: # c\n"),
    ("block scalar", b"  pin: |  # c\n    1234\n\n", b"  pin:  # c\n\n"),
    ("tag", b"  pin: !!str 1234 # c\n", b"  pin: # c\n"),
    ("anchor with a colon", b"  pin: &a:b # c\n    1234\n", b"  pin: # c\n"),
    ("tag on a line of its own", b"  pin: !!str # c\n    1234\n", b"  pin: # c\n"),
    ("list", b"  pin:\n  - 1\n  - 2\n", b"  pin:\n"),
    ("complex key", b"  ? pin\n  : 1234\n", b"  ? pin\n  :\n"),
    ("~ is blank", b"  pin: ~\n", b"  pin: ~\n"),
    ("null is blank", b"  pin: null\n", b"  pin: null\n"),
    ("nothing is blank", b"  pin: # c\n", b"  pin: # c\n"),
    ("no pin, none added", b"", b""),
)
def test_pin_is_emptied_in_block_style(before: bytes, after: bytes) -> None:
    """A comment stays with its blanks; a pin that is blank stays as it is."""
    head, tail = b"trakt:\n  client_id: x\n", b"  authorization:\n" + SIX
    assert edited(head + before + tail) == head + after + tail
    assert edited(head + before + tail, clear_pin=False) == head + before + tail


@pytest.mark.parametrize("value", [b"1234", b"'1234'", b"|\n   1234"])
@pytest.mark.parametrize("gap", [b" ", b"\n   ", b"\n\n   "], ids=["blank", "line", "lines"])
@pytest.mark.parametrize("properties", [[], [b"!!str"], [b"&a"], [b"!!str", b"&a"]],
                         ids=lambda properties: b" ".join(properties).decode() or "none")
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_pin_at_the_very_end_is_emptied(properties: list[bytes], gap: bytes, value: bytes,
                                          newline: bytes) -> None:
    """A text without a final newline gets none."""
    before = b"trakt:\n  client_id: x\n  pin:" + b"".join(
        gap + part for part in [*properties, value])
    after = set_authorization(parse(before.replace(b"\n", newline)), {}, clear_pin=True).data
    assert after == b"trakt:\n  client_id: x\n  pin:".replace(b"\n", newline)


@cases(
    ("flow", b"pin: 1234", b"pin: null"), ("JSON", b'"pin":"1234"', b'"pin":null'),
    ("blank", b"pin: ", b"pin: "), ("no colon", b"pin", b"pin"), ("tag", b"pin: !!str 1",
                                                                  b"pin: null"),
)
def test_pin_is_null_in_flow_style(before: bytes, after: bytes) -> None:
    """`{pin:, a: 1}` would be read as a key `pin:`."""
    frame = b"trakt: {client_id: x, %s, authorization: {scope: public}}\n"
    assert edited(frame % before, {"scope": "public"}) == frame % after


@pytest.mark.parametrize("value", ["<<token>>", "${TOKEN}", "'x<<a>>y'", "!secret trakt_token"])
def test_tokens_that_are_kept_elsewhere_are_refused(value: str) -> None:
    """A placeholder, or a tag that fills it in."""
    document = parse(f"trakt:\n  authorization:\n    access_token: {value}\n".encode())
    with pytest.raises(ConfigError) as caught:
        set_authorization(document, NEW)
    assert (caught.value.line, caught.value.column) == (3, 19)
    assert "trakt-config exec THATFILE -- COMMAND" in caught.value.hint


# -- structure -----------------------------------------------------------------------------------

@pytest.mark.sampled(5)
@cases(
    ("null", b"  authorization:\n  pin: 1\n", b"  authorization:\n" + SIX + b"  pin:\n"),
    ("null with deeper comments",
     b"  authorization: # a\n    # b\n\n   # c\n  # d\n\n# e\n  x: 1\n",
     b"  authorization: # a\n    # b\n\n   # c\n" + SIX + b"  # d\n\n# e\n  x: 1\n"),
    ("tilde", b"  authorization: ~  # c\n", b"  authorization:  # c\n" + SIX),
    ("quotes", b"  authorization: ''\n", b"  authorization:\n" + SIX),
    ("tilde on the next line", b"  authorization:\n     ~\n", b"  authorization:\n" + SIX),
    ("tag and anchor", b"  authorization: !!map &a\n", b"  authorization:\n" + SIX),
    ("braces", b"  authorization: {}  # c\n", b"  authorization: {" + FLOW_SIX + b"}  # c\n"),
    ("braces with a comment", b"  authorization: { # c\n  }\n",
     b"  authorization: {" + FLOW_SIX + b" # c\n  }\n"),
    ("missing, pin", b"  pin: 1 # c\n  # d\n  x: 1\n",
     b"  pin: # c\n  authorization:\n" + SIX + b"  # d\n  x: 1\n"),
    ("missing, no pin", b"  client_secret: y # c\n  x: 1\n",
     b"  client_secret: y # c\n  authorization:\n" + SIX + b"  x: 1\n"),
    ("missing, neither", b"  x:\n  - 1\n  - 2 # c\n\n# d\n",
     b"  x:\n  - 1\n  - 2 # c\n  authorization:\n" + SIX + b"\n# d\n"),
    ("missing, block scalar last", b"  x: |\n    a\n\n\n",
     b"  x: |\n    a\n  authorization:\n" + SIX + b"\n\n"),
    ("missing, kept blank lines", b"  x: |+\n    a\n\n\n",
     b"  x: |+\n    a\n\n\n  authorization:\n" + SIX),
    ("missing, nested empty last", b"  x:\n    y: [\n    ]\n    z: # c\n",
     b"  x:\n    y: [\n    ]\n    z: # c\n  authorization:\n" + SIX),
    ("some missing", b"  authorization:\n    scope: a # c\n    x: 1 # d\n   # e\n",
     b"  authorization:\n    scope: public # c\n    x: 1 # d\n    access_token: ACCESS\n"
     b"    token_type: bearer\n    expires_in: 604800\n    refresh_token: REFRESH\n"
     b"    created_at: 1790000000\n   # e\n"),
    ("complex key", b"  ? authorization\n  :\n", b"  ? authorization\n  :\n" + SIX),
)
@pytest.mark.parametrize("tail", [b"mal:\n  pin: 1\n", b"", b"...\n"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_missing_lines_are_added(before: bytes, after: bytes, tail: bytes,
                                 newline: bytes) -> None:
    """Below what is there, indented like it, with the line endings of the file."""
    head = b"trakt:\n  client_id: x\n"
    assert edited((head + before + tail).replace(b"\n", newline)) == (
        (head + after + tail).replace(b"\n", newline))


@cases(
    ("empty value", b"{authorization: , pin: 1}",
     b"{authorization: {" + FLOW_SIX + b"}, pin: null}"),
    ("null", b"{authorization: null}", b"{authorization: {" + FLOW_SIX + b"}}"),
    ("no colon", b"{authorization, a: 1}", b"{authorization: {" + FLOW_SIX + b"}, a: 1}"),
    ("missing", b"{client_id: x}", b"{client_id: x, authorization: {" + FLOW_SIX + b"}}"),
    ("empty block", b"{}", b"{authorization: {" + FLOW_SIX + b"}}"),
    ("after the pin", b"{pin: 1, a: 1}",
     b"{pin: null, authorization: {" + FLOW_SIX + b"}, a: 1}"),
    ("trailing comma", b"{client_id: x, }",
     b"{client_id: x, authorization: {" + FLOW_SIX + b"}, }"),
    ("a tag before the comma", b"{pin: !!str , a: 1}",
     b"{pin: !!str , authorization: {" + FLOW_SIX + b"} , a: 1}"),
    ("a tag with quotes", b"{pin: , a: !!str'x' }",
     b"{pin: , authorization: {" + FLOW_SIX + b"}, a: !!str'x' }"),
    ("a tag with quotes at the end", b"{a: !!str'x' }",
     b"{a: !!str'x' , authorization: {" + FLOW_SIX + b"} }"),
    ("a tag at the end", b"{a: !!str }", b"{a: !!str , authorization: {" + FLOW_SIX + b"} }"),
    ("a key that ends with a colon", b"{a: 1, pin:}",
     b"{a: 1, pin:, authorization: {" + FLOW_SIX + b"}}"),
    ("a key that ends with a colon and looks like a tag", b"{a: 1, x !pin:}",
     b"{a: 1, x !pin:, authorization: {" + FLOW_SIX + b"}}"),
    ("an anchor and a tag at the end", b"{a: &a !x }",
     b"{a: &a !x , authorization: {" + FLOW_SIX + b"} }"),
    ("a tag on a line of its own", b"{a: # c\r !x }",
     b"{a: # c\r !x , authorization: {" + FLOW_SIX + b"} }"),
    ("NEL behind a comment", b"{\n  a: 1, # c\xc2\x85 }",
     b"{\n  a: 1,\n  authorization: {" + FLOW_SIX + b"}, # c\xc2\x85 }"),
    ("NEL behind the last comment", b"{\n  a: # c\xc2\x85 }",
     b"{\n  a: ,\n  authorization: {" + FLOW_SIX + b"} # c\xc2\x85 }"),
    ("a line break behind the last colon", b"{a: 1, pin:\n}",
     b"{a: 1, pin: , authorization: {" + FLOW_SIX + b"}\n}"),
    ("a comment behind the last key", b"{a: # c\n}",
     b"{a: , authorization: {" + FLOW_SIX + b"} # c\n}"),
    ("JSON", b'{"client_id": "x", "authorization": {}}',
     b'{"client_id": "x", "authorization": {' + JSON_SIX + b"}}"),
    ("JSON null", b'{"client_id":"x","authorization":null}',
     b'{"client_id":"x","authorization":{' + JSON_SIX + b"}}"),
    ("JSON missing", b'{"client_id": "x"}',
     b'{"client_id": "x", "authorization": {' + JSON_SIX + b"}}"),
)
def test_flow_style_stays_flow_style(before: bytes, after: bytes) -> None:
    """On one line; JSON stays JSON."""
    assert edited(b"trakt: " + before + b"\n") == b"trakt: " + after + b"\n"


@cases(
    ("plain", b"{scope: # c\n  old, a: 1}", b"{scope: # c\n  S, a: 1}"),
    ("quoted", b"{scope: # c\n  'old'}", b"{scope: # c\n  'S'}"),
    ("list", b"{scope: # c\n\n  [old]\n\n, a: 1}", b"{scope: # c\n\n  S\n\n, a: 1}"),
    ("tag", b"{scope: !!str # c\n  old, a: 1}", b"{scope: # c\n  S, a: 1}"),
    ("nothing", b"{scope: # c\n  , a: 1}", b"{scope: S # c\n  , a: 1}"),
    ("no colon", b"{'scope'# c\n  , a: 1}", b"{'scope': S # c\n  , a: 1}"),
)
def test_comments_between_colon_and_value_in_flow_style(before: bytes, after: bytes) -> None:
    """The line break behind the comment stays, or the comment would swallow the value."""
    frame = b"trakt: {authorization: %s}\n"
    assert edited(frame % before, {"scope": "S"}) == frame % after


def test_an_empty_block_in_json() -> None:
    """The style of the file decides how new keys are written."""
    assert edited(b'{"trakt":{}}') == b'{"trakt":{"authorization": {' + JSON_SIX + b"}}}"
    assert fill_client(parse(b'{"a": 1}'), "ID", "").data.startswith(
        b'{"a": 1, "trakt": {"client_id": "ID", "client_secret": null, "authorization": {"acc')


def test_flow_style_on_many_lines() -> None:
    """New keys have lines of their own; comments stay with their values."""
    before = (b"trakt: {authorization: {\n    scope: a, # c\n    access_token: , # d\n"
              b"    x  # e\n  }}\n")
    assert edited(before) == (
        b"trakt: {authorization: {\n    scope: public, # c\n    access_token: ACCESS, # d\n"
        b"    x,  # e\n    token_type: bearer,\n    expires_in: 604800,\n"
        b"    refresh_token: REFRESH,\n    created_at: 1790000000\n  }}\n")
    assert b"    pin: ,\n" in edited(b"trakt: {\n    a: 1,\n    pin:\n  }\n")
    trailing = before.replace(b"x  #", b"x,  #")
    assert edited(trailing).endswith(
        b"    x,  # e\n    token_type: bearer,\n    expires_in: 604800,\n"
        b"    refresh_token: REFRESH,\n    created_at: 1790000000,\n  }}\n")


@cases(
    ("indent 1", b"trakt:\n a: 1\n", b"trakt:\n a: 1\n authorization:\n  scope: S\n"),
    ("indent 8", b"trakt:\n        a: 1",
     b"trakt:\n        a: 1\n        authorization:\n                scope: S"),
    ("indented root", b"  trakt:\n     a: 1\n  b: 2\n",
     b"  trakt:\n     a: 1\n     authorization:\n        scope: S\n  b: 2\n"),
    ("no final newline", b"trakt:\n  authorization:", b"trakt:\n  authorization:\n    scope: S"),
    ("no final newline, CRLF", b"a: 1\r\ntrakt:\r\n  authorization:\r\n    a: 1",
     b"a: 1\r\ntrakt:\r\n  authorization:\r\n    a: 1\r\n    scope: S"),
    ("mixed endings", b"a: 1\r\ntrakt:\r\n  authorization:\n  x: 1\r\n",
     b"a: 1\r\ntrakt:\r\n  authorization:\n    scope: S\n  x: 1\r\n"),
    ("byte order mark", b"\xef\xbb\xbftrakt:\n  authorization:\n",
     b"\xef\xbb\xbftrakt:\n  authorization:\n    scope: S\n"),
    ("directive", b"%YAML 1.1\n---\ntrakt:\n  authorization:\n...\n",
     b"%YAML 1.1\n---\ntrakt:\n  authorization:\n    scope: S\n...\n"),
    ("column-0 comments", b"trakt:\n# a\n  authorization:\n# b\n    scope: x\n# c\n",
     b"trakt:\n# a\n  authorization:\n# b\n    scope: S\n# c\n"),
    ("quoted keys", b"'trakt' :\n  \"authorization\"  :\n    'scope' : x\n",
     b"'trakt' :\n  \"authorization\"  :\n    'scope' : S\n"),
    ("a key without a colon", b"trakt:\n  authorization:\n    ? scope # c\n    ? x\n",
     b"trakt:\n  authorization:\n    ? scope # c\n    : S\n    ? x\n"),
    ("a key without a colon at the end", b"trakt:\r\n  authorization:\r\n    ? scope",
     b"trakt:\r\n  authorization:\r\n    ? scope\r\n    : S"),
    ("complex keys", b"? trakt\n: ? authorization\n  : ? scope\n    : x # c\n",
     b"? trakt\n: ? authorization\n  : ? scope\n    : S # c\n"),
    ("a line separator ends a comment for ruamel.yaml",
     "trakt:\n  a: 1 # c\u2028  \n  authorization:\n".encode(),
     "trakt:\n  a: 1 # c\u2028  \n  authorization:\n    scope: S\n".encode()),
)
def test_the_shape_of_the_file_stays(before: bytes, after: bytes) -> None:
    """Indentation, endings, marks, comments."""
    assert edited(before, {"scope": "S"}) == after


def test_no_room_after_a_final_block_scalar() -> None:
    """A newline behind it would become part of its text."""
    document = parse(b"trakt:\n  client_id: x\n  notes: |\n    text")
    with pytest.raises(ConfigError) as caught:
        set_authorization(document, NEW)
    assert (caught.value.line, caught.value.column) == (3, 3)
    assert "newline" in caught.value.hint
    with pytest.raises(ConfigError, match="line 1, outside of it") as caught:
        fill_client(parse(b"notes: |\n  text"), "ID", "SECRET")
    assert "newline" in caught.value.hint


@pytest.mark.parametrize("before, after", [
    (b"  pin: # c\n\n    1234", b"  pin: # c"), (b"  pin:\n\n    1234 ", b"  pin:"),
    (b"  pin:\n\n    # c\n    1234", b"  pin:\n\n    # c"), (b"  pin: 1234", b"  pin:"),
    (b"  pin:\n\n    1234\n", b"  pin:\n\n"), (b"  pin:\n  - 1", b"  pin:"),
    (b"  pin:\n\n    |\n    1234", b"  pin:"), (b"  pin: |\n    1234\n", b"  pin:\n"),
    (b"  pin: | # c\n    1234", b"  pin: # c"), (b"  pin:\n    >-\n    1234\n\n", b"  pin:\n\n"),
])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_a_file_ends_with_a_newline_if_it_did(before: bytes, after: bytes,
                                              newline: bytes) -> None:
    """Whatever an emptied value leaves behind."""
    head = b"trakt:\n  authorization:\n" + SIX
    assert edited((head + before).replace(b"\n", newline)) == (
        (head + after).replace(b"\n", newline))


@pytest.mark.parametrize("data", [b"", b"a: 1\n", b"trakt:\n"])
def test_without_a_block_there_is_nothing_to_set(data: bytes) -> None:
    """Missing or null: the caller decides what to do about it."""
    for edit in (lambda d: set_authorization(d, NEW), clear_authorization):
        with pytest.raises(ConfigError, match="no trakt block"):
            edit(parse(data))


def test_the_proof_catches_a_splice_that_does_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong with positions, nothing else may change."""
    document = parse(b"trakt:\n  client_id: x\n  authorization:\n    scope: y\nother: 1\n")
    real = module.set_value
    damages = [(0, 0, "x: 1\n"), (17, 18, "z"), (19, 19, "  y: 1\n"), (54, 55, "2"), (0, 0, "'"),
               (0, 0, "trakt: {}\n"), (20, 20, "# ")]
    for damage in damages:
        monkeypatch.setattr(module, "set_value", lambda *arguments: [*real(*arguments), damage])
        with pytest.raises(ConfigError, match="cannot be edited"):
            set_authorization(document, {"scope": "S"})


# -- later commands ------------------------------------------------------------------------------

@cases(
    ("block", b"trakt:\n  authorization:\n    access_token: a # c\n    scope:\n    x: 1\n",
     b"trakt:\n  authorization:\n    access_token: # c\n    scope:\n    x: 1\n"),
    ("flow", b'{"trakt": {"authorization": {"scope": "a", "created_at": 1, "x": 1}}}',
     b'{"trakt": {"authorization": {"scope": null, "created_at": null, "x": 1}}}'),
    ("nothing there", b"trakt:\n  pin: 1\n", b"trakt:\n  pin: 1\n"),
)
def test_clear_authorization(before: bytes, after: bytes) -> None:
    """The six are empty, or null in flow style; the pin and extra keys stay."""
    assert clear_authorization(parse(before)).data == after


BLOCK = (b"trakt:\n  client_id: ID\n  client_secret: SECRET\n  authorization:\n    access_token:\n"
         b"    token_type:\n    expires_in:\n    refresh_token:\n    scope:\n    created_at:\n"
         b"  pin:\n  force_refresh: false\n")


@cases(
    ("empty file", b"", BLOCK),
    ("byte order mark", b"\xef\xbb\xbf", b"\xef\xbb\xbf" + BLOCK),
    ("one blank line before", b"a: 1\n", b"a: 1\n\n" + BLOCK),
    ("already a blank line", b"a: 1\n\n", b"a: 1\n\n" + BLOCK),
    ("no final newline", b"a: 1", b"a: 1\n\n" + BLOCK[:-1]),
    ("CRLF", b"a: 1\r\n", b"a: 1\r\n\r\n" + BLOCK.replace(b"\n", b"\r\n")),
    ("end marker", b"--- # x\na: 1\n...\n", b"--- # x\na: 1\n\n" + BLOCK + b"...\n"),
    ("end marker with another line ending", b"a: 1\r...\n",
     b"a: 1\r\r" + BLOCK.replace(b"\n", b"\r") + b"...\n"),
    ("a value below a comment", b"a: # c\n  x\n", b"a: # c\n  x\n" + BLOCK),
    ("blank lines below such a value", b"a: # c\n  x\n\n...\n",
     b"a: # c\n  x\n" + BLOCK + b"\n...\n"),
    ("kept blank lines", b"a: |+ # c\n  x\n\n", b"a: |+ # c\n  x\n\n" + BLOCK),
    ("a no-break space below a comment", b"a: # c\n  \xc2\xa0\n", b"a: # c\n  \xc2\xa0\n" + BLOCK),
    ("a sharp sign within a value", b"a: # c\n  x#y\n", b"a: # c\n  x#y\n" + BLOCK),
    ("a list item below a comment", b"a:\n- # c\n  x", b"a:\n- # c\n  x\n" + BLOCK[:-1]),
    ("only a comment", b"# c\n", b"# c\n\n" + BLOCK),
    ("only a marker", b"---\n", b"---\n\n" + BLOCK),
    ("null", b"trakt: # c\nb: 1\n", BLOCK.replace(b"trakt:", b"trakt: # c") + b"b: 1\n"),
    ("tilde", b"trakt: ~\n", BLOCK),
    ("blanks at the end", b"trakt:  \n  >", BLOCK.replace(b":", b":  ", 1)[:-1]),
    ("another line ending behind it", b"trakt: # c\r>\n",
     BLOCK.replace(b"trakt:\n", b"trakt: # c\r \n")),
    ("null by its tag", b"trakt:\n  client_id: !!null ~\n  client_secret: !!null # c\n    null\n",
     b"trakt:\n  client_id: ID\n  client_secret: SECRET # c\n"),
    ("another line ending below it", b"trakt:\r\n  ~\n", BLOCK.replace(b"\n", b"\r\n  \n", 1)),
    ("blank keys", b"trakt:\n  client_id: # c\n  client_secret: ''\n",
     b"trakt:\n  client_id: ID # c\n  client_secret: 'SECRET'\n"),
    ("missing secret", b"trakt:\n  client_id: x\n  pin:\n",
     b"trakt:\n  client_id: x\n  client_secret: SECRET\n  pin:\n"),
    ("nothing to do", b"trakt: {client_id: x, client_secret: y}",
     b"trakt: {client_id: x, client_secret: y}"),
    ("flow", b"{a: 1}", b"{a: 1, trakt: {client_id: ID, client_secret: SECRET, authorization: "
     b"{access_token: null, token_type: null, expires_in: null, refresh_token: null, scope: null, "
     b"created_at: null}, pin: null, force_refresh: false}}"),
)
def test_fill_client(before: bytes, after: bytes) -> None:
    """Blank and missing keys are filled, values are kept, a missing block is added."""
    filled = fill_client(parse(before), "ID", "SECRET")
    assert filled.data == after
    assert fill_client(filled, "OTHER", "OTHER").data == after
    assert set_authorization(filled, NEW).authorization["scope"].text == "public"


@pytest.mark.parametrize("value", [b" x", b" !secret", b" !secret ''", b" !secret x", b" 'x'"])
def test_a_client_that_is_there_is_never_overwritten(value: bytes) -> None:
    """Nor one that another program's tag stands for, whatever is behind it."""
    before = b"trakt:\n  client_id:" + value + b"\n  client_secret: !!str\n"
    after = before.replace(b" !!str", b" SECRET")
    assert fill_client(parse(before), "ID", "SECRET").data == after


@pytest.mark.sampled(1)
@cases(
    ("a new block", b"", BLOCK.replace(b"SECRET\n", b"SECRET\n  redirect_uri: http://h/c\n")),
    ("a new block in flow", b"{}", b""),
    ("after the client", b"trakt:\n  client_id:\n  client_secret: s # c\n  authorization:\n",
     b"trakt:\n  client_id: ID\n  redirect_uri: http://h/c\n  client_secret: s # c\n  pin:\n"
     b"  force_refresh: false\n  authorization:\n"),
    ("what is there stays", b"trakt: {client_id: x, redirect_uri: y, pin: z, force_refresh: true}",
     b"trakt: {client_id: x, client_secret: SECRET, redirect_uri: y, pin: z, "
     b"force_refresh: true}"),
    ("a blank one is filled", b"trakt:\n  client_id: x\n  redirect_uri:\n  pin: 1\n"
     b"  client_secret: y\n  force_refresh: yes\n",
     b"trakt:\n  client_id: x\n  redirect_uri: http://h/c\n  pin: 1\n  client_secret: y\n"
     b"  force_refresh: yes\n"),
    ("in JSON", b'{"trakt": {"client_id": ""}}', b""),
    ("empty in JSON", b'{"a": 1, "trakt": {}}', b""),
    ("empty in flow", b"trakt: { } # c\nb: 1\n",
     b"trakt: {client_id: ID, client_secret: SECRET, redirect_uri: \"http://h/c\", pin: null, "
     b"force_refresh: false } # c\nb: 1\n"),
)
def test_fill_client_completely(before: bytes, after: bytes) -> None:
    """All that a host looks for is there then, and a second time changes nothing."""
    filled = fill_client(parse(before), "ID", "SECRET", redirect_uri="http://h/c", complete=True)
    if after:
        assert filled.data == after
    read = ruamel.yaml.YAML(typ="safe", pure=True).load(filled.data)["trakt"]
    assert {"client_id", "client_secret", "redirect_uri", "pin", "force_refresh"} <= set(read)
    if b"force_refresh" not in before:
        assert read["force_refresh"] is False and read["pin"] is None
    assert fill_client(filled, "a", "b", redirect_uri="c", complete=True).data == filled.data


@pytest.mark.sampled(7)
@pytest.mark.parametrize("item", ["a", "'a'", "[a]", "[a, # c\n b]", "{a: b}", "? [a]",
                                  "? {a: b}", "[a]: b", "[a]: ", "{a: b} : {c}", "? ",
                                  "? !!str ", "? &a ", "&a [b]", "!!str a"])
@pytest.mark.parametrize("form", ["{%s}", "{%s }", "{\n  %s\n}\n", "{\n  %s, # c\n}\n",
                                  "{b: 1, %s,}", "trakt: {%s}", "trakt: {authorization: {%s}}",
                                  "trakt: {authorization: {\n  %s # c\n}}"])
def test_keys_of_any_kind_in_flow_style(item: str, form: str) -> None:
    """A block or a key is added behind them, and what the host could load it loads again."""
    text = form % item
    tree = ruamel.yaml.YAML().load(text)
    document = parse(text.encode())
    edit = set_authorization(document, NEW) if "trakt" in text else fill_client(
        document, "ID", "SECRET")
    after = ruamel.yaml.YAML().load(edit.data)
    added = after["trakt"]["authorization"] if "trakt" in text else after.pop("trakt")
    assert added["scope"] == "public" if "trakt" in text else added["client_id"] == "ID"
    for key in (*NEW, "authorization"):
        after.get("trakt", {}).get("authorization", {}).pop(key, None)
    if "authorization" not in text:
        after.get("trakt", {}).pop("authorization", None)
    assert repr(after) == repr(tree)


@pytest.mark.parametrize("text, place", [
    ("null", "1:1"), ("~\n", "1:1"), ("# c\r\nNull # c\r\n", "2:1"), ("--- null\n...\n", "1:5"),
    ("\ufeffnull\n", "1:1"), ("''\n", "1:1"), ("!!null\n", "1:1")])
def test_fill_client_where_a_null_stands(text: str, place: str) -> None:
    """No key can be written beside it; the error says where it is, and that an empty file is fine.
    """
    with pytest.raises(ConfigError, match="Delete that") as caught:
        fill_client(parse(text.encode()), "ID", "")
    assert caught.value.where == f"config:{place}"


@pytest.mark.parametrize("name", ["client_id", "client_secret", "redirect_uri"])
def test_fill_client_takes_no_value_that_is_longer_than_any(name: str) -> None:
    values: dict[str, Any] = {"client_id": "ID", "client_secret": "", name: "s3cret" * 50_000}
    with pytest.raises(ValueError, match=f"^{name} is longer than 262144 characters$"):
        fill_client(parse(b""), **values)


def test_fill_client_behind_kept_blank_lines() -> None:
    """A final `|+` scalar keeps its text."""
    filled = fill_client(parse(b"a: |+\n  x\n\n"), "ID", "")
    assert ruamel.yaml.YAML(typ="safe", pure=True).load(filled.data)["a"] == "x\n\n"


# -- realistic files -----------------------------------------------------------------------------

@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_realistic_configs(path: Path) -> None:
    """Every line that is not one of the six values or the pin stays, and the six are read back."""
    before = path.read_bytes()
    after = edited(before)
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    assert len(old) == len(new) and 1 <= sum(a != b for a, b in zip(old, new)) <= 7
    assert {a.split(b":")[0].strip(b' "') for a, b in zip(old, new) if a != b} <= {
        b"pin", *(key.encode() for key in AUTHORIZATION_KEYS)}
    found = ruamel.yaml.YAML().load(after)["trakt"]["authorization"]
    assert {key: str(found[key]) for key in NEW} == NEW
    assert isinstance(parse(after), Document)


def test_there_are_realistic_configs() -> None:
    """The files are there, and of a real size."""
    assert len(CONFIGS) >= 4 and all(20_000 <= p.stat().st_size <= 60_000 for p in CONFIGS)


@pytest.mark.parametrize("text", [
    b"x: {host: ::1}\ntrakt:\n  client_id: a\n  authorization:\n",
    b"plex: 'a'\n\n\t\ntrakt:\n  client_id: a\n  authorization:\n",
    b"x: >\n  folded\n  text\ny: {a: :b}\ntrakt:\n  client_id: a\n  authorization:\n",
], ids=["a value that begins with a colon", "a tab on a blank line", "a folded scalar"])
def test_what_kometas_loader_takes_is_edited(text: bytes) -> None:
    """ruamel's two loaders differ; Kometa uses the round-trip one."""
    edited = set_authorization(parse(text), {"access_token": "T"})
    assert edited.data == text + b"    access_token: T\n"


def test_an_alias_without_its_anchor_is_refused() -> None:
    with pytest.raises(ConfigError, match="anchor") as caught:
        parse(b"x: *nope\ntrakt:\n  client_id: a\n")
    assert (caught.value.line, caught.value.column) == (1, 4)


def test_a_value_that_only_kometas_loader_takes_is_replaced() -> None:
    """Then the quick loader could read the file: the proof keeps to the one that read it first."""
    edited = set_authorization(parse(b"{trakt: {authorization: {scope: :null}}}"), {"scope": "S"})
    assert edited.data == b"{trakt: {authorization: {scope: S}}}"


@pytest.mark.parametrize("unit", [b"?\n", b":\n", b"a:\n", b"b: c\n", b"- a\n"])
def test_more_values_than_a_config_has_are_refused(unit: bytes, monkeypatch: Any) -> None:
    """Each costs time: the largest file that is read has a limit on them as well."""
    monkeypatch.setattr(parser, "MAX_VALUES", 1000)
    head = b"trakt:\n  client_id: x\n" + (b"x:\n" if unit.startswith(b"-") else b"")
    assert parse(head + unit * 400).trakt is not None
    with pytest.raises(ConfigError, match="more than 1000 keys and values"):
        parse(head + unit * 1100)


@pytest.mark.parametrize("unit, counts", [(b"- a\n", 1), (b"-\n", 1), (b"- []\n", 2),
                                          (b"- {}\n", 2), (b"- a: b\n", 4), (b"- - a\n", 3)])
def test_what_counts_as_a_value(unit: bytes, counts: int, monkeypatch: Any) -> None:
    """Every key and value, and a list or a mapping twice; neither the file nor a marker."""
    data = b"---\ntrakt:\n  client_id: x\nx:\n" + unit * 240 + b"...\n"
    values = 2 + 1 + 2 + 2 + 1 + 2 + 240 * counts
    monkeypatch.setattr(parser, "MAX_VALUES", values)
    assert parse(data).trakt is not None
    monkeypatch.setattr(parser, "MAX_VALUES", values - 1)
    with pytest.raises(ConfigError, match="counting each list or mapping twice"):
        parse(data)


@pytest.mark.parametrize("unit", [b"#\n", b"\n", b"\r\n", b"\r", "\u2028".encode(), b"a: b\n"])
def test_more_lines_than_a_config_has_are_refused(unit: bytes, monkeypatch: Any) -> None:
    """An empty one is no value, and takes time all the same."""
    monkeypatch.setattr(parser, "MAX_LINES", 1000)
    head = b"trakt:\n  client_id: x\n#"
    assert parse(head + b"\n" + b"#\n" * 900).trakt is not None
    with pytest.raises(ConfigError, match="more than 1000 lines"):
        parse(head + unit * 1100)


def test_more_keys_than_a_block_has_are_refused() -> None:
    """They are all kept."""
    data = b"trakt:\n" + b"".join(b"  k%d:\n" % number for number in range(1001))
    with pytest.raises(ConfigError, match="more than 1000 keys") as caught:
        parse(data)
    assert caught.value.line == 1002


def test_a_trakt_block_larger_than_any_is_refused() -> None:
    """An edit reads it several times."""
    data = b"trakt:\n  client_id: x\n" + b"  # c\n" * 50_000 + b"  pin:\n"
    with pytest.raises(ConfigError, match="larger than 256 KiB") as caught:
        parse(data)
    assert caught.value.line == 1


def test_a_key_that_is_none_of_the_six_is_a_mistake_of_the_caller() -> None:
    """Dropped in silence, a token would be lost."""
    with pytest.raises(ValueError, match="not a key of authorization: 'acces_token'$"):
        set_authorization(parse(b"trakt:\n"), {"acces_token": "a", "scope": "b"})


@pytest.mark.parametrize("key", ["secret-of-64-digits", b"access_token", 7, None, "x" * 64])
def test_a_key_that_may_be_a_token_is_not_shown(key: Any) -> None:
    """Keys and values are swapped sooner or later."""
    with pytest.raises(ValueError, match="not a key of authorization: one of [a-zA-Z]+$"):
        set_authorization(parse(b"trakt:\n"), {key: "access_token"})


def test_an_authorization_itself_and_the_numbers_of_an_answer() -> None:
    before = parse(b"trakt:\n  client_id: a\n")
    values: Any = {"access_token": "b", "token_type": "bearer", "expires_in": 604800,
                   "refresh_token": "c", "scope": "public", "created_at": 1790000000}
    authorization = Authorization(**values)
    edited = set_authorization(before, authorization).data
    assert b"    created_at: 1790000000\n" in edited and b"    refresh_token: c\n" in edited
    assert edited == set_authorization(before, values).data
    assert edited == set_authorization(before, authorization.values()).data


@pytest.mark.parametrize("through", [
    lambda document: pickle.loads(pickle.dumps(document)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"])
def test_a_copy_of_a_document_is_the_same(through: Any) -> None:
    document = parse(b"\xef\xbb\xbftrakt:\n  client_id: a\n  authorization: {scope: b}\n")
    again = through(document)
    assert again == document and len({again, document, parse(b"")}) == 2
    assert set_authorization(again, NEW).data == set_authorization(document, NEW).data


@pytest.mark.parametrize("key", ["acces_token", "scope", "", None, ["access_token"]], ids=str)
def test_a_token_is_asked_for_by_its_name(key: Any) -> None:
    with pytest.raises(ValueError, match="^key has to be access_token or refresh_token$"):
        parse(b"trakt:\n  authorization: {scope: b}\n").token(key)


NUMBERS = ("expires_in", "created_at")

#: What is wrong with a value whatever the config says, and how that is told.
WRONG: list[tuple[str, list[Any], type[Exception]]] = [
    (key, [b"SECRET", 1.5, math.nan, math.inf, True, ["SECRET"], ("SECRET",), {}, Decimal(1),
           Secret("SECRET")], TypeError) for key in AUTHORIZATION_KEYS] + [
    (key, [0, -1, 5], TypeError) for key in AUTHORIZATION_KEYS if key not in NUMBERS] + [
    (key, [-1, -10 ** 30, 10 ** 12, 10 ** 5000, "soon", "-1", "1.5", "1e5", "nan", " ", " 5",
           "5 SECRET", "5\n", "\u0665", "9" * 15, "9" * 16], ValueError) for key in NUMBERS] + [
    (key, ["SECRET" * 300_000], ValueError) for key in AUTHORIZATION_KEYS]


@pytest.mark.parametrize("text", ["trakt:\n  client_id: a\n", "trakt: {authorization: {%s: 1}}\n"])
@pytest.mark.parametrize("key, values, kind", WRONG, ids=lambda value: str(getattr(
    value, "__name__", "" if isinstance(value, list) else value)))
@pytest.mark.sampled(1)
def test_a_wrong_value_is_named_by_its_key(text: str, key: str, values: list[Any],
                                           kind: type[Exception]) -> None:
    """It is the caller's, and the file is not blamed for it."""
    document = parse(text.replace("%s", key).encode())
    for value in values:
        with pytest.raises(kind, match=f"^authorization.{key} (has to be|is longer)") as caught:
            set_authorization(document, {key: value})
        assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("value", [0, 1, "0", "007", 10 * 365 * 86400, None, ""], ids=ascii)
@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_is_an_int_or_its_digits(key: str, value: Any) -> None:
    edited = set_authorization(parse(b"trakt:\n  client_id: a\n"), {key: value})
    assert edited.authorization[key].text == ("" if value is None else str(value))


@pytest.mark.parametrize("values", [None, "SECRET", b"SECRET", [("access_token", "SECRET")], 3],
                         ids=str)
def test_values_that_are_no_mapping(values: Any) -> None:
    with pytest.raises(TypeError, match="^the values have to be an Authorization, or") as caught:
        set_authorization(parse(b"trakt:\n  client_id: a\n"), values)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"x: 1\n", b"trakt:\n"])
def test_without_a_block_a_program_is_told_what_adds_one(data: bytes) -> None:
    with pytest.raises(ConfigError, match="there is no trakt block") as caught:
        set_authorization(parse(data), {})
    assert "fill_client" in caught.value.hint


def test_a_flag_is_true_or_false() -> None:
    document, wrong = parse(b"trakt:\n  client_id: a\n"), cast(Any, "no")
    with pytest.raises(TypeError, match="^clear_pin has to be True or False, not str$"):
        set_authorization(document, {}, clear_pin=wrong)
    with pytest.raises(TypeError, match="^complete has to be True or False, not str$"):
        fill_client(document, "a", "b", complete=wrong)


@pytest.mark.parametrize("name", [
    name for name in trakt_config.document.__all__
    if name != "parse" and inspect.isfunction(getattr(trakt_config.document, name))])
@pytest.mark.parametrize("found", [b"trakt:\n", "config.yml", None], ids=str)
def test_a_document_is_what_was_parsed(name: str, found: Any) -> None:
    """For whatever takes one."""
    function = getattr(trakt_config.document, name)
    parameters = inspect.signature(function).parameters.values()
    more: list[Any] = [{} if each.name == "values" else "a" for each in parameters
                       if each.default is each.empty][1:]
    with pytest.raises(TypeError, match="^the document has to be what parse"):
        function(found, *more)


@pytest.mark.parametrize("given", [
    {"client_id": None}, {"client_id": 7}, {"client_secret": None}, {"client_secret": b"SECRET"},
    {"redirect_uri": None}], ids=str)
def test_a_client_is_text(given: Any) -> None:
    (name,) = given
    with pytest.raises(TypeError, match=f"^{name} has to be a str") as caught:
        fill_client(parse(b""), **{"client_id": "a", "client_secret": "b", **given})
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("data", ["trakt:\n", None])
def test_a_config_is_bytes(data: Any) -> None:
    with pytest.raises(TypeError, match="a config is bytes, not"):
        parse(data)


@pytest.mark.parametrize("blank", ["\x85", " \u2028", "\u2029 "])
def test_a_comment_behind_another_readers_line_break_stays(blank: str) -> None:
    """Below a block scalar, where ruamel.yaml sees an empty line that ends there."""
    text = f"trakt:\n  authorization:\n    scope: |-\n      old\n{blank} # kept\n"
    edited = set_authorization(parse(text.encode()), NEW)
    assert f"\n{blank} # kept\n" in edited.data.decode()


@pytest.mark.parametrize("refused", [
    lambda: parse(b"trakt: [SECRET"), lambda: parse(b"trakt:\n  pin: SECRET\xff\n"),
    lambda: parse(b"trakt:\n  pin: SECRET\n  pin: SECRET\n"),
    lambda: set_authorization(parse(b"trakt: {pin: SECRET, authorization: 3}\n"), NEW),
    lambda: clear_authorization(parse(b"plex: SECRET\n")),
    lambda: fill_client(parse(b"trakt: &a {pin: SECRET}\nb: *a\n"), "a", "SECRET")])
def test_errors_keep_no_frame_with_the_text(refused: Any) -> None:
    """An error reporter shows the variables of each."""
    with pytest.raises(ConfigError) as caught:
        refused()
    assert caught.value.__context__ is None and caught.value.__cause__ is None
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][2:]
    assert frames and "SECRET" not in repr([frame.f_locals for frame in frames])
