"""Lines that are missing, or whose keys stand elsewhere: the advice leads to a file that works."""
from __future__ import annotations

from typing import NamedTuple

import pytest

from trakt_config.document import parse, read_settings, refuse_misspelt_keys
from trakt_config.errors import ConfigError

APP = "trakt:\n  client_id: abc\n  client_secret: def\n"
KEYS = ("access_token", "token_type", "expires_in", "refresh_token", "scope", "created_at")
VALUES = ("AT", "bearer", "604800", "RT", "public", "1790000000")


def _tokens(indentation: int) -> str:
    return "".join(f"{' ' * indentation}{key}: {value}\n" for key, value in zip(KEYS, VALUES))


GOOD = APP + "  authorization:\n" + _tokens(4)


class Mistake(NamedTuple):
    text: str
    place: tuple[int, int]
    words: str
    hint: str
    corrected: str


MISTAKES = {
    "authorization commented out": Mistake(
        APP + "  #authorization:\n" + _tokens(4), (4, 3), "authorization is commented out",
        "Delete the # before it.", GOOD),
    "authorization commented out at column 0": Mistake(
        APP + "# authorization:\n" + _tokens(4), (4, 1), "authorization is commented out",
        "Delete the # before it.", GOOD),
    "authorization lost": Mistake(
        APP + _tokens(4), (4, 5), "there is no line `authorization:` above access_token",
        "Write it above this line, indented like client_secret.", GOOD),
    "tokens flush left": Mistake(
        APP + "  authorization:\n" + _tokens(0), (5, 1), "access_token is beside trakt, not in it",
        "Indent it, and the others like it, deeper than `authorization:`.", GOOD),
    "tokens behind another block": Mistake(
        APP + "  authorization:\nplex:\n  url: x\n" + _tokens(0), (7, 1),
        "access_token is beside trakt, not in it",
        "Move it, and the others like it, below `authorization:`, indented deeper than that.",
        GOOD + "plex:\n  url: x\n"),
    "tokens flush left, no authorization": Mistake(
        APP + _tokens(0), (4, 1), "access_token is beside trakt, not in it",
        "Write a line `authorization:` at the end of the trakt block, and move it, and the others "
        "like it, below that, indented deeper.", GOOD),
    "trakt lost": Mistake(
        GOOD.replace("trakt:\n", ""), (1, 3), "there is no trakt block: is client_id meant to be",
        "Write a line `trakt:` above it, at the beginning of the line, and indent the keys of the "
        "block deeper than that.", GOOD),
}


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", MISTAKES)
def test_a_missing_line_is_named(name: str) -> None:
    """As a sign-in would say it, too; and done as it is advised, all six values are read."""
    found = MISTAKES[name]
    with pytest.raises(ConfigError) as caught:
        document = parse(found.text.encode())
        if document.has_trakt:
            refuse_misspelt_keys(document)
        read_settings(document, {})
    error = caught.value
    assert (error.line, error.column) == found.place
    assert error.message.startswith(found.words) or found.words in error.message
    assert error.hint.startswith(found.hint)
    settings = read_settings(parse(found.corrected.encode()), {})
    assert settings.authorization is not None and settings.warnings == ()


def test_a_line_that_is_too_deep_among_tokens_is_not_a_missing_one() -> None:
    with pytest.raises(ConfigError, match="indented deeper|indentation"):
        parse(GOOD.replace("    scope", "      scope").encode())
