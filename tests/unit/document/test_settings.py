"""What is typed into the trakt block, and what is read: whole files in bytes, one sentence each."""
from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from trakt_config import document
from trakt_config.document import settings
from trakt_config.document.settings import Settings
from trakt_config.errors import ConfigError
from trakt_config.tokens import Authorization, Secret, UnusableAnswer

#: Each row is a rule of its own, and takes a millisecond or two: all of them, in every run.
pytestmark = pytest.mark.sampled(1)

OOB = "urn:ietf:wg:oauth:2.0:oob"
TOKENS = b"""\
    access_token: ACCESS
    token_type: bearer
    expires_in: 604800
    refresh_token: REFRESH
    scope: public
    created_at: 1790000000
"""


def read(data: bytes, environ: dict[str, str] | None = None) -> Settings:
    return settings.read_settings(document.parse(data), environ or {})


def block(lines: str) -> bytes:
    """A file whose trakt block has a client_id and these lines from line 3 on."""
    return ("trakt:\n  client_id: id\n" + lines).encode("utf-8")


def refusal(data: bytes, environ: dict[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(data, environ)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    assert caught.value.hint and "\n" not in str(caught.value.message + caught.value.hint)
    assert str(caught.value).replace("\n", "").isprintable()
    return caught.value


def place(error: ConfigError) -> Any:
    return error.line, error.column


# -- the whole block -----------------------------------------------------------------------------

def test_the_block_in_the_shape_of_kometa() -> None:
    """Every setting, and the six values."""
    found = read(b"libraries:\ntrakt:\n  client_id: id-1\n  client_secret: s-1\n"
                 b"  redirect_uri: http://localhost:8080/\n  pin: 1234ABCD\n"
                 b"  force_refresh: true\n  authorization:\n" + TOKENS)
    assert found.client.client_id == "id-1"
    assert found.client.client_secret == Secret("s-1")
    assert found.client.redirect_uri == "http://localhost:8080/"
    assert found.pin == Secret("1234ABCD")
    assert found.force_refresh is True
    assert found.authorization is not None
    assert found.authorization.values() == {
        "access_token": "ACCESS", "token_type": "bearer", "expires_in": "604800",
        "refresh_token": "REFRESH", "scope": "public", "created_at": "1790000000"}
    assert found.refresh_token == Secret("REFRESH")


def test_a_client_id_is_enough() -> None:
    """Newer apps have no secret; everything else has a default."""
    found = read(b"trakt:\n  client_id: id\n")
    assert found.client.client_secret is None
    assert found.client.redirect_uri == OOB
    assert (found.pin, found.force_refresh, found.authorization, found.refresh_token) == (
        None, False, None, None)


def test_the_repr_of_the_settings_has_no_secret() -> None:
    """It ends up in tracebacks."""
    shown = repr(read(block("  client_secret: HUNTER\n  pin: PINPIN\n  authorization:\n")
                      + TOKENS))
    assert not any(word in shown for word in ("HUNTER", "PINPIN", "ACCESS", "REFRESH"))


@pytest.mark.parametrize("data, line, column, message", [
    pytest.param(b"", None, None, "there is no trakt block in this file", id="an empty file"),
    pytest.param(b"libraries:\n", None, None, "there is no trakt block in this file",
                 id="no trakt"),
    pytest.param(b"mal:\n  trakt:\n    client_id: id\n", 2, 3, "there is no trakt block: is this "
                 "key meant, which stands within another one?",
                 id="a trakt that is not the root's"),
    pytest.param(b"a: 1\ntrakt:\n", 2, 1, "the trakt block is empty: it has no client_id",
                 id="trakt without anything"),
    pytest.param(b"trakt: ~\n", 1, 1, "the trakt block is empty: it has no client_id",
                 id="trakt null"),
    pytest.param(b"trakt: {}\n", 1, 1, "trakt has no client_id", id="trakt without a key"),
    pytest.param(b"trakt:\n  pin: 1\n", 1, 1, "trakt has no client_id", id="no client_id"),
    pytest.param(b"trakt:\n  pin: 1\n  client_id:\n", 3, 3, "trakt.client_id is empty",
                 id="client_id without anything"),
    pytest.param(b"trakt:\n  client_id: ''\n", 2, 3, "trakt.client_id is empty",
                 id="client_id in empty quotes"),
    pytest.param(b"trakt:\n  client_id: ' '\n", 2, 3, "trakt.client_id is empty",
                 id="client_id of blanks"),
    pytest.param(b"trakt:\n  client_id: null\n", 2, 3, "trakt.client_id is empty",
                 id="client_id null"),
    pytest.param(b"trakt:\n  client_id: [a]\n", 2, 14, "trakt.client_id is not a single value",
                 id="client_id a list"),
    pytest.param(b"trakt:\n  client_id: id\n  client_secret: {a: b}\n", 3, 18,
                 "trakt.client_secret is not a single value", id="client_secret a mapping"),
])
def test_a_block_without_an_app_is_refused_where_it_is(
        data: bytes, line: Any, column: Any, message: str) -> None:
    """With the line, the column, and what to do."""
    error = refusal(data)
    assert (error.message, *place(error)) == (message, line, column)


def test_a_copy_without_an_app_is_not_sent_to_a_sign_in() -> None:
    """With one of its own, it would be no copy any more."""
    copy = b"trakt:\n  client_id:\n  authorization:\n    access_token: a\n    refresh_token:"
    assert "client_id of its holder" in refusal(copy + b"\n").hint
    assert "client_id of its holder" not in refusal(copy + b" b\n").hint


# -- characters, never types ---------------------------------------------------------------------

@pytest.mark.parametrize("typed, is_read", [
    ("1234E567", "1234E567"),
    ("0012345", "0012345"),
    ("0x1F", "0x1F"),
    ("1_000", "1_000"),
    ("1:30", "1:30"),
    ("2026-11-20", "2026-11-20"),
    ("yes", "yes"),
    (".inf", ".inf"),
    ("'0012'", "0012"),
    ('"00\\x3112"', "00112"),
    ("!!str 0012", "0012"),
    ("|\n    0012\n", "0012"),
    ("'  A1B2  '", "A1B2"),
    ("A1B2   # typed by hand", "A1B2"),
    ("A1B2#C", "A1B2#C"),
])
@pytest.mark.parametrize("key", ["pin", "client_secret", "client_id"])
def test_everything_is_the_characters_in_the_file(key: str, typed: str, is_read: str) -> None:
    """YAML 1.2 would make inf of the first and 12345 of the second; outer blanks go."""
    other = "" if key == "client_id" else "  client_id: id\n"
    found = read(f"trakt:\n{other}  {key}: {typed}\n".encode())
    secret = {"pin": found.pin, "client_secret": found.client.client_secret,
              "client_id": Secret(found.client.client_id)}[key]
    assert secret == Secret(is_read)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_breaks_and_a_byte_order_mark_are_not_read(line_break: str, mark: bytes) -> None:
    """Files from Windows."""
    data = "trakt:\n  client_id: id\n  pin: 12\n".replace("\n", line_break).encode("ascii")
    found = read(mark + data)
    assert (found.client.client_id, found.pin) == ("id", Secret("12"))


@pytest.mark.parametrize("typed, is_set", [
    ("true", True), ("True", True), ("TRUE", True), ('"true"', True), ("true # always", True),
    ("false", False), ("", False), ("~", False), ("yes", False), ("1", False), ("tRUE", False),
    ("[true]", False), ("<<force>>", False),
])
def test_force_refresh_is_true_in_three_spellings(typed: str, is_set: bool) -> None:
    """Those of YAML 1.2's core schema."""
    assert read(block(f"  force_refresh: {typed}\n")).force_refresh is is_set


# -- placeholders --------------------------------------------------------------------------------

@pytest.mark.parametrize("typed, environ, is_read", [
    ("<<trakt_id>>", {"KOMETA_TRAKT_ID": "x"}, "x"),
    ("<<trakt-id>>", {"KOMETA_TRAKT_ID": "x"}, "x"),
    ("<<Trakt-ID>>", {"KOMETA_TRAKT_ID": "x"}, "x"),
    ("<<trakt_id>>", {"kometa_trakt_id": "x"}, "x"),
    ("<<trakt_id>>", {"PMM_TRAKT_ID": "x"}, "x"),
    ("<<trakt_id>>", {"KOMETA_TRAKT_ID": "x", "PMM_TRAKT_ID": "y"}, "x"),
    ("<<trakt_id>>", {"KOMETA_TRAKT_ID": "", "PMM_TRAKT_ID": "y"}, "y"),
    ("<<trakt_id>>", {"KOMETA_TRAKT_ID": " ", "PMM_TRAKT_ID": "y"}, "y"),
    ("<<trakt_id>>", {"KOMETA_TRAKT_ID": " x\n"}, "x"),
    ("<<KOMETA_TRAKT_ID>>", {"KOMETA_TRAKT_ID": "x"}, "x"),
    ("<<kometa_trakt_id>>", {"KOMETA_TRAKT_ID": "x"}, "x"),
    ("<<KOMETA_ID>>", {"KOMETA_KOMETA_ID": "x"}, "x"),
    ("'<<trakt_id>>'", {"KOMETA_TRAKT_ID": "x"}, "x"),
    ("a<<one>>b<<two>>c", {"KOMETA_ONE": "1", "KOMETA_TWO": "2"}, "a1b2c"),
    ("<<one>>", {"KOMETA_ONE": "<<two>>", "KOMETA_TWO": "2"}, "<<two>>"),
])
def test_a_placeholder_of_kometa_is_an_environment_variable(
        typed: str, environ: dict[str, str], is_read: str) -> None:
    """KOMETA_NAME, else PMM_NAME; and what it holds is not looked through again."""
    found = read(f"trakt:\n  client_id: {typed}\n  client_secret: {typed}\n"
                 f"  redirect_uri: {typed}\n".encode(), environ)
    assert found.client.client_id == is_read
    assert found.client.client_secret == Secret(is_read)
    assert found.client.redirect_uri == is_read


@pytest.mark.parametrize("typed, variable", [
    ("<<trakt_id>>", "KOMETA_TRAKT_ID"),
    ("<<trakt-id>>", "KOMETA_TRAKT_ID"),
    ("<<kometa_id>>", "KOMETA_ID"),
    ("x<<a>>", "KOMETA_A"),
])
@pytest.mark.parametrize("key", ["client_id", "client_secret", "redirect_uri"])
def test_a_placeholder_without_its_variable_names_it(key: str, typed: str, variable: str) -> None:
    """And says what is not read."""
    other = "" if key == "client_id" else "  client_id: id\n"
    error = refusal(f"trakt:\n{other}  {key}: {typed}\n".encode())
    assert error.message == (
        f"trakt.{key} needs the environment variable {variable}, which is not set")
    assert "Kometa's .env file and command line are not read" in error.hint
    assert place(error) == (3 if other else 2, len(key) + 5)


@pytest.mark.parametrize("variable", ["KOMETA_TRAKT_ID", "PMM_TRAKT_ID", "kometa_trakt_id"])
def test_a_variable_that_is_set_and_empty_is_not_called_missing(variable: str) -> None:
    with pytest.raises(ConfigError, match=f"variable {variable.upper()}, which is empty"):
        read(b"trakt:\n  client_id: <<trakt_id>>\n", {variable: " "})


@pytest.mark.parametrize("content, what", [
    ('"abc"', "has a quote that is part of it"), ("'abc'", "has a quote that is part of it"),
    ("abc,", "ends with a comma"), ("<a1c>", "has < and > that are part of it"),
    ("ab c", "has a space in it"), ("ab\u200bc", "has a character that is no ASCII"),
    ("YOUR_CLIENT_ID", "is the text of a template")])
def test_what_is_wrong_in_a_variable_is_corrected_there(content: str, what: str) -> None:
    """The config's line holds no more than its name."""
    error = refusal(b"trakt:\n  client_id: <<trakt_id>>\n", {"PMM_TRAKT_ID": content})
    assert error.message == (
        f"trakt.client_id gets the environment variable PMM_TRAKT_ID, which {what}")
    assert place(error) == (2, 14) and "Set PMM_TRAKT_ID to the value" in error.hint
    assert content not in str(error)


@pytest.mark.parametrize("typed", ["${TRAKT_ID}", "a${X:-b}c", '"${TRAKT_ID"', "<<a>>${B}",
                                   "!secret trakt", "!secret", "!secret ''"])
@pytest.mark.parametrize("key", ["client_id", "client_secret", "redirect_uri"])
def test_what_another_program_fills_in_is_left_to_it(key: str, typed: str) -> None:
    """Run this after it."""
    other = "" if key == "client_id" else "  client_id: id\n"
    error = refusal(f"trakt:\n{other}  {key}: {typed}\n".encode(), {"KOMETA_A": "x"})
    assert error.message == f"trakt.{key} is filled in by another program"
    assert "after that program" in error.hint
    assert place(error) == (3 if other else 2, len(key) + 5)


@pytest.mark.parametrize("key", ["access_token", "token_type", "expires_in", "refresh_token",
                                 "scope", "created_at"])
@pytest.mark.parametrize("typed", ["<<trakt_token>>", "${TOKEN}", "'<<my token>>'", "a<<b>>"])
def test_tokens_that_are_kept_elsewhere_are_refused(key: str, typed: str) -> None:
    """Before anything is sent: what would come of it could not be saved there."""
    error = refusal(block(f"  authorization:\n    {key}: {typed}\n"), {"KOMETA_TRAKT_TOKEN": "x"})
    assert error.message == (
        f"trakt.authorization.{key} is a placeholder: the tokens are kept somewhere else")
    assert place(error) == (4, len(key) + 7)


# -- characters that are refused -----------------------------------------------------------------

@pytest.mark.parametrize("typed, position, code_point", [
    ("abc\u200bdef", 4, "U+200B"),
    ("\u00e9", 1, "U+00E9"),
    ("ab cd", 3, "U+0020"),
    ('"ab\\tcd"', 3, "U+0009"),
    ('"ab\\acd"', 3, "U+0007"),
    ("abc\u00a0d", 4, "U+00A0"),
    ("'<<my id>>'", 5, "U+0020"),
    ('"<<a\\e[31mb>>"', 4, "U+001B"),
    ("\U0001f511", 1, "U+1F511"),
])
@pytest.mark.parametrize("key", ["client_id", "client_secret", "redirect_uri"])
def test_of_a_character_that_cannot_be_sent_the_position_is_named(
        key: str, typed: str, position: int, code_point: str) -> None:
    """Never the value: it may be a secret."""
    other = "" if key == "client_id" else "  client_id: id\n"
    error = refusal(f"trakt:\n{other}  {key}: {typed}\n".encode())
    assert error.message.startswith(f"trakt.{key}: character {position} is ")
    assert error.message.endswith(f"({code_point})")
    assert place(error) == (3 if other else 2, len(key) + 5)
    assert "abc" not in str(error)


def test_a_secret_from_the_environment_is_checked_too() -> None:
    """The message is about the line that asks for it."""
    error = refusal(b"trakt:\n  client_id: <<id>>\n", {"KOMETA_ID": "HUNTER\u00e9"})
    assert "the environment variable KOMETA_ID, which has a character" in error.message
    assert "HUNTER" not in str(error)


@pytest.mark.parametrize("typed", ["x", "x1" * 2500, "a-b_c.d~e/f+g=", "'#'", "<i>d"])
def test_ids_and_secrets_are_not_measured(typed: str) -> None:
    """Trakt changed length and alphabet in 2026."""
    found = read(block(f"  client_secret: {typed}\n"))
    assert found.client.client_secret is not None


# -- the pin -------------------------------------------------------------------------------------

@pytest.mark.parametrize("typed", [
    "", "~", "null", "''", "' '", "<pin>", "<<pin>>", "{pin}", "'{{ pin }}'", "${PIN}", "$PIN",
    "Enter your pin here", "PIN HERE", "'paste pin'", "[1234]", "[REDACTED]", "{a: b}", "a<b",
    '"12\\n34"', "12\u00a034",
])
def test_an_unfilled_template_is_no_pin(typed: str) -> None:
    """It is never sent, and so never cleared; nor is it an error."""
    assert read(block(f"  pin: {typed}\n")).pin is None


@pytest.mark.parametrize("address, code", [
    ("https://utilities.kometa.wiki/trakt-oauth/callback?code=A1B2", "A1B2"),
    ("http://localhost:8080/?state=s&code=A1B2&scope=public", "A1B2"),
    ("http://127.0.0.1/?code=A%2FB%3D&state=s", "A/B="),
    ("https://example.com/callback?code=A1B2#", "A1B2"),
    ("localhost:8080/callback?code=A1B2", "A1B2"),
    ("example.com/callback?code=A1B2", "A1B2"),
    ("'https://example.com/callback?code=first&code=second'", "first"),
])
def test_the_whole_address_that_trakt_redirected_to_is_a_pin(address: str, code: str) -> None:
    """RFC 6749, section 4.1.2: its `code`."""
    assert read(block(f"  pin: {address}\n")).pin == Secret(code)


@pytest.mark.parametrize("address", [
    "https://example.com/callback?error=access_denied",
    "https://example.com/callback?state=s",
    "https://example.com/callback?code=",
    "https://example.com/callback",
    "http://[::1/?code=A1B2",
    "urn:x?y",
])
def test_an_address_without_a_code_is_refused(address: str) -> None:
    """The address itself would be refused by Trakt, and the real reason be lost."""
    error = refusal(block(f"  pin: '{address}'\n"))
    assert error.message == "trakt.pin is an address without a code"
    assert place(error) == (3, 8)
    assert "example" not in str(error)


@pytest.mark.parametrize("typed", ["12\u200b34", "\u0661\u0662", "https://a/?code=A%0AB"])
def test_a_pin_with_characters_that_cannot_be_sent_is_refused(typed: str) -> None:
    """They are invisible, mostly: copied from a page."""
    error = refusal(block(f"  pin: {typed}\n"))
    assert error.message.startswith("trakt.pin: character ")
    assert place(error) == (3, 8)


# -- the six values ------------------------------------------------------------------------------

@pytest.mark.parametrize("lines, has_authorization, has_refresh_token", [
    ("  authorization:\n", False, False),
    ("  authorization: {}\n", False, False),
    ("  authorization:\n    refresh_token: R\n", False, True),
    ("  authorization:\n    access_token: A\n    refresh_token: R\n", False, True),
    ("  authorization:\n    access_token: A\n    expires_in: 60\n    created_at: 1790000000\n",
     True, False),
    ("  authorization:\n    access_token: A\n    expires_in: x\n    created_at: 1790000000\n",
     False, False),
    ("  authorization:\n    access_token: [REDACTED]\n    refresh_token: [REDACTED]\n"
     "    expires_in: 60\n    created_at: 1790000000\n", False, False),
    ("  authorization:\n    access_token: ~\n    refresh_token: null\n", False, False),
    ("  authorization:\n    access_token: A\u200bB\n    refresh_token: R\u200b\n"
     "    expires_in: 60\n    created_at: 1790000000\n", False, False),
])
def test_values_that_are_missing_or_absurd_are_like_empty_ones(
        lines: str, has_authorization: bool, has_refresh_token: bool) -> None:
    """Any of the six may be; a refresh token alone is still worth spending."""
    found = read(block(lines))
    assert (found.authorization is not None) is has_authorization
    assert (found.refresh_token is not None) is has_refresh_token


def test_tokens_that_look_like_numbers_are_text() -> None:
    """YAML 1.1 reads 12e03 as a number, and some dumps write it bare."""
    found = read(block("  authorization:\n    access_token: 12e03\n    refresh_token: 0012\n"
                       "    expires_in: '604800'\n    created_at: \"1790000000\"\n"))
    assert found.authorization is not None
    assert found.authorization.access_token == "12e03"
    assert found.refresh_token == Secret("0012")


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12))
def test_any_text_is_a_secret_or_a_refusal_without_it(text: str) -> None:
    """No other exception, and no quote of what was typed."""
    data = b'{"trakt": {"client_id": "id", "client_secret": %s}}' % json.dumps(text).encode("ascii")
    try:
        found = read(data)
    except ConfigError as error:
        assert len(text) < 4 or text not in str(error).replace("is a space", "")
        return
    secret = found.client.client_secret
    assert secret is None or secret.reveal() == text.strip()


def test_a_tag_of_another_programs() -> None:
    """Home Assistant's ``!secret name`` is no client_id called name."""
    with pytest.raises(ConfigError, match="filled in by another program") as caught:
        settings.read_settings(document.parse(b"trakt:\n  client_id: !secret trakt_id\n"), {})
    assert (caught.value.line, caught.value.column) == (2, 14)
    typed = document.parse(b"trakt:\n  client_id: !!str a\n  pin: !secret trakt_pin\n")
    assert settings.read_settings(typed, {}).pin is None


@hypothesis_settings(max_examples=100, deadline=None)
@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7e), max_size=12)
       | st.sampled_from(("token", "access_token", "Bearer a", "bearer  ", "****", "12ab****",
                          "12ab...", "xxxx", "none", "<a>", "'a'", "a,")))
def test_the_tokens_of_an_answer_are_found_again(token: str) -> None:
    """Whatever they look like: what is taken from an answer is what is read from a config."""
    body = {"access_token": token, "refresh_token": token, "expires_in": 1, "created_at": 1}
    try:
        given_by_trakt = Authorization.from_response(json.dumps(body).encode(), received_at=1)
    except UnusableAnswer:
        return
    written = document.set_authorization(document.parse(block("")), given_by_trakt)
    if "${" not in token and "<<" not in token:  # Another program's, in a config.
        assert settings.read_settings(written, {}).authorization == given_by_trakt


@pytest.mark.parametrize("text", ["0123456789abcdef" * 4, "f" * 64, "example", "sample", "dummy",
                                  "none", "test", "abc", "id", "secret", "app", "x"])
def test_what_somebody_may_have_named_an_app_of_a_stand_in_is_an_id(text: str) -> None:
    """A host's own tests, and servers that stand in for Trakt, have such ids."""
    found = read(f"trakt:\n  client_id: {text}\n  client_secret: {text}\n".encode(), {})
    assert (found.client.client_id, found.client.client_secret) == (text, Secret(text))
