"""How values are quoted."""
from __future__ import annotations

import pytest
import ruamel.yaml
import yaml as pyyaml

from trakt_config.document import quoting

#: Each row is a rule of its own, and takes a millisecond or two: all of them, in every run.
pytestmark = pytest.mark.sampled(1)

HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize("text", [
    "bearer", "public", HEX, "eyJhbGciOi.eyJzdWIi.c2ln-_", "abc==", "urn:ietf:wg:oauth:2.0:oob",
    "public private", "a-b", "v1.2.3x", "https://example.org/x", "1a", "0b1f", "null_",
])
def test_plain_strings_stay_plain_in_block_style(text: str) -> None:
    """No reader takes these for anything but the string."""
    assert quoting.written(text) == text


@pytest.mark.parametrize("text", [
    "", "~", "null", "Null", "NULL", "true", "False", "yes", "No", "ON", "off", "y", "N",
    "1", "017", "1e5", "1E5", "12e03", "1.5e5_0", "685230e15", "0x1F", "0o17", "0b101",
    "1_000", "1,000", "1:30", "190:20:30", "190:20:30.15", "+1", "-1", "1.", ".5", ".inf",
    "-.Inf", ".nan", "2026-10-01",
    "2026-1-1T1:2:3Z", "2026-10-01 10:00:00", "=", "<<", "-", "- a", "---", "?", "? a",
    ":", ":a", "a:",
    "a: b", "a #b", "#a", " a", "a ", "&a", "*a", "!a", "|", ">", "'a", '"a', "%a", "@a", "`a",
    "{a", "}", "[a", "]", ",a", "a\tb", "a\nb", "a\x85b", "a\u2028b", "\ufeffa", "a\x00", "é",
    "\ud800", "\U0001f600", "\\", "<<name>>", "${NAME}",
])
def test_everything_doubtful_is_double_quoted(text: str) -> None:
    """Some YAML 1.1 or 1.2 reader would misread these without quotes."""
    shown = quoting.written(text)
    assert shown[0] == shown[-1] == '"'
    assert ruamel.yaml.YAML(typ="safe", pure=True).load(f"a: {shown}") == {"a": text}
    assert pyyaml.safe_load(f"a: {shown}") == {"a": text}


@pytest.mark.parametrize("text", ["a b", "a:b", "a,b", "a]", "a}", "a?b", "a[b", "a{b", 'a"b'])
def test_flow_style_leaves_fewer_strings_plain(text: str) -> None:
    """Brackets, commas and colons mean something inside braces."""
    assert quoting.written(text, flow=True) == quoting.double_quoted(text)


@pytest.mark.parametrize("arguments, expected", [
    ({"style": "'"}, "'it''s'"), ({"style": '"'}, '"it\'s"'), ({"style": "|"}, "it's"),
    ({"style": "'", "json": True}, '"it\'s"'), ({"json": True}, '"it\'s"'),
])
def test_quotes_are_kept(arguments: dict[str, object], expected: str) -> None:
    """A value keeps its quotes; JSON knows one kind only."""
    assert quoting.written("it's", **arguments) == expected  # type: ignore[arg-type]


def test_single_quotes_give_way_to_what_they_cannot_hold() -> None:
    """Single-quoted scalars have no escapes."""
    assert quoting.written("a\nb", style="'") == '"a\\nb"'


@pytest.mark.parametrize("text, expected", [
    ("604800", "604800"), ("0", "0"), ("0604800", '"0604800"'), ("6e5", '"6e5"'), ("", '""'),
])
def test_numbers_are_bare_when_all_read_the_same_number(text: str, expected: str) -> None:
    """A leading zero would make it octal in YAML 1.1."""
    assert quoting.written(text, number=True, style='"') == expected
