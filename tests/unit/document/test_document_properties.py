"""Whatever the style of a config, only our values change, and every YAML reader sees them.

``TRAKT_CONFIG_FULL=1`` tries a hundred times as many configs.
"""
from __future__ import annotations

import os
import random
import re
import warnings
from typing import Any, Callable

import pytest
import ruamel.yaml
import yaml as pyyaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trakt_config.document.diff import masked_diff
from trakt_config.document.document import Document, parse
from trakt_config.document.edit import (
    clear_authorization,
    fill_client,
    set_authorization,
)
from trakt_config.document.quoting import written
from trakt_config.errors import ConfigError
from trakt_config.tokens import AUTHORIZATION_KEYS

EXAMPLES = 40
FULL = os.environ.get("TRAKT_CONFIG_FULL") == "1"
COMMON = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None,
                  max_examples=EXAMPLES * (100 if FULL else 1))

NUMBERS = ("expires_in", "created_at")

TOKENS = (
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "1e5", "12e03", "1.5e5_0",
    "0x1F", "0o17", "0b101", "1_000", "1:30", "2026-10-01", "null", "~", "yes", "on", "y", ".inf",
    "a: b", "a #b", "a:", "-", "- a", "?x", "a'b", 'a"b', "a\\b", "{a", "a,b", "a]", "=", "<<",
    "&a", "*a", "!x", "%x", "@x", "`x", "|", ">", "eyJhbGciOi.eyJzdWIi.c2ln-_", "x" * 1500,
    "0012345", "+1", "#", "a?b", "http://x/y?z=1", "1,000", "é", "T",
)

SECTIONS_BEFORE_AND_AFTER = (
    "libraries:\n  Movies:\n    trakt:\n      pin: 1\n    files:\n    - a: b\n    - c  # c\n",
    "mal:\n  client_id: 1\n  authorization:\n    access_token: other\n    expires_in: 12\n",
    "notes: |\n  trakt:\n    pin: 99\n\n  end\n",
    "base: &base\n  a: 1\nderived:\n  <<: *base\n  b: *base\n",
    "# trakt:\n#   pin: 77\n",
    "dates: [2026-10-01, 1e5, 0x10, {trakt: 1}]\n",
    'quoted: "trakt: \\"x\\"\n  pin: 3"\n',
    "empty:\n\n\n",
    "keep: |+\n  a\n\n\n",
    "tagged: !mine {a: b}\n",
    "? complex\n: value\n",
    "below: # c\n  plain\n",
    "below: # c\n\n  &x plain\n  text\n",
    "below: # c\n  !!str tagged\n\n",
    "below:\n- # c\n  plain\n",
    "? [a, b]\n",
    "? {a: b}\n: c\n",
    "<<: {merged: 1}\n",
)


class Config:
    """A generated config: what stands before the trakt section, the section, what follows."""

    def __init__(self, before: str, trakt: str, after: str) -> None:
        self.before, self.trakt, self.after = before, trakt, after

    @property
    def data(self) -> bytes:
        return (self.before + self.trakt + self.after).encode()

    def __repr__(self) -> str:
        return f"Config({self.before!r}, {self.trakt!r}, {self.after!r})"


def config(rng: random.Random) -> Config:
    """A config in any style that a person, a template or a program might have written."""
    if rng.random() < 0.25:
        return flow_config(rng)
    root = rng.choice((0, 0, 0, 0, 1, 2, 3))
    before = "".join(rng.choice(SECTIONS_BEFORE_AND_AFTER)
                     for _ in range(rng.choice((0, 1, 1)))) + comment_line(rng, 0)
    after = "".join(comment_line(rng, 0) + rng.choice(SECTIONS_BEFORE_AND_AFTER)
                    for _ in range(rng.choice((0, 1, 1))))
    if before and after and before.split(":")[0] in after:
        after = ""
    trakt = trakt_section(rng)
    if not after:
        trakt += rng.choice(("", "", "\n", "\n\n"))
        trakt = trakt.rstrip("\n") if rng.random() < 0.4 else trakt
    if root:
        before, trakt, after = (indented(part, root) for part in (before, trakt, after))
    head = rng.choice(("", "", "", "---\n", "%YAML 1.2\n---\n", "%YAML 1.1\n---\n", "--- # c\n"))
    if after and rng.random() < 0.1:
        after += "...\n"
    newline = rng.choice(("\n", "\n", "\n", "\r\n", "\r\n", "\r"))
    parts = [part.replace("\n", newline) for part in (head + before, trakt, after)]
    if rng.random() < 0.15:
        parts[0] = "\ufeff" + parts[0]
    return Config(*parts)


def indented(text: str, blanks: int) -> str:
    return "".join(" " * blanks + line if line.strip() else line
                   for line in text.splitlines(keepends=True))


def comment_line(rng: random.Random, column: int) -> str:
    if rng.random() < 0.8:
        return ""
    return rng.choice(("\n", " " * rng.randrange(column + 1) + "# a comment: x\n"))


def key(rng: random.Random, name: str) -> str:
    return rng.choice((name,) * 6 + (f'"{name}"', f"'{name}'"))


def trakt_section(rng: random.Random) -> str:
    step = rng.choice((1, 2, 2, 2, 3, 4, 8))
    if rng.random() < 0.15:
        return f"{key(rng, 'trakt')}: {flow_trakt(rng)}\n"
    names = ["client_id", "client_secret", "pin", "authorization", "force_refresh", "extra"]
    names = [name for name in names if rng.random() < 0.85] or ["client_id"]
    rng.shuffle(names)
    lines = [f"{key(rng, 'trakt')}{rng.choice(('', '', ' '))}:{trailing(rng)}\n"]
    for name in names:
        lines.append(comment_line(rng, 2 * step))
        if name == "authorization" and rng.random() < 0.8:
            lines.append(authorization_section(rng, step))
        else:
            style = null_value if name == "authorization" else block_value
            lines.append(block_entry(rng, name, " " * step, style))
    return "".join(lines)


def authorization_section(rng: random.Random, step: int) -> str:
    if rng.random() < 0.2:
        return f"{' ' * step}{key(rng, 'authorization')}: {flow_authorization(rng, step)}\n"
    names = [name for name in AUTHORIZATION_KEYS if rng.random() < 0.85] + ["extra"]
    if rng.random() < 0.6:
        names.remove("extra")
    if rng.random() < 0.3:
        rng.shuffle(names)
    deeper = " " * (step + rng.choice((1, 2, step)))
    lines = [f"{' ' * step}{key(rng, 'authorization')}:{trailing(rng)}\n"]
    for name in names:
        lines += [comment_line(rng, 2 * step), block_entry(rng, name, deeper, block_value)]
    return "".join(lines) if names else f"{' ' * step}authorization:\n"


def block_entry(rng: random.Random, name: str, indentation: str,
                style: Callable[[random.Random, str], str]) -> str:
    value = style(rng, indentation) + rng.choice(("",) * 9 + ("\n", "\n\n"))
    name = rng.choice(("",) * 300 + ("&k ",) * 4 + ("!!str ", "! ", "!mine ")) + key(rng, name)
    if rng.random() < 0.02:
        return f"{indentation}? {name}{trailing(rng)}\n"
    if rng.random() < 0.06:
        return f"{indentation}? {name}{trailing(rng)}\n{indentation}:{value}"
    return f"{indentation}{name}{rng.choice(('',) * 6 + (' ', '  '))}:{value}"


def trailing(rng: random.Random) -> str:
    return rng.choice(("",) * 5 + (" # c", "    # c: d", "  ", " #"))


def null_value(rng: random.Random, indentation: str) -> str:
    comments = "".join(f"{indentation}{' ' * rng.randrange(3)}# below\n"
                       for _ in range(rng.choice((0, 0, 1, 2))))
    value = rng.choice(("", "", "", " ~", " null", " ''", ' ""', f"\n{indentation}  ~"))
    return f"{value}{trailing(rng)}\n{comments}"


def block_value(rng: random.Random, indentation: str) -> str:
    deeper = indentation + " " * rng.choice((1, 2, 4))
    header = rng.choice(("|", "|-", ">", ">-")) + rng.choice(("", " # c"))
    return rng.choice((
        lambda: f"{trailing(rng)}\n",
        lambda: f"{trailing(rng)}\n",
        lambda: f" {rng.choice(('old', 'a1b2', '12345', '####', '~', 'null'))}{trailing(rng)}\n",
        lambda: f"  old{trailing(rng)}\n",
        lambda: f" 'it''s'{trailing(rng)}\n",
        lambda: f' "a\\"b"{trailing(rng)}\n',
        lambda: f" ''{trailing(rng)}\n",
        lambda: f" one\n{deeper}two{trailing(rng)}\n",
        lambda: f' "one\n\n{deeper}two"{trailing(rng)}\n',
        lambda: f" {header}\n{deeper}old\n{deeper}# no comment\n" + rng.choice(("", "\n", "\n\n")),
        lambda: f" |+\n{deeper}old\n" + rng.choice(("", "\n", "\n\n")),
        lambda: " |\n" + rng.choice(("", "\n")),
        lambda: f" [REDACTED, b]{trailing(rng)}\n",
        lambda: f" [a, # gone\n{deeper}b]{trailing(rng)}\n",
        lambda: f"{trailing(rng)}\n{deeper}next_line{trailing(rng)}\n",
        lambda: f"{trailing(rng)}\n{deeper}'next line'{trailing(rng)}\n",
        lambda: f" !!str 12{trailing(rng)}\n",
        lambda: f" !!str &unused v{trailing(rng)}\n",
        lambda: f" &unused2 'v'{trailing(rng)}\n",
        lambda: f" !!str # c\n{deeper}old\n",
        lambda: f" !!str{trailing(rng)}\n",
        lambda: f"\n{deeper}- a # gone\n{deeper}- b{trailing(rng)}\n",
        lambda: f"{trailing(rng)}\n{indentation}- zero\n{indentation}- indented\n",
        lambda: f"\n\n{deeper}below{trailing(rng)}\n",
        lambda: value_below(rng, deeper),
    ))()


def value_below(rng: random.Random, deeper: str) -> str:
    """Tag, anchor, comments and empty lines, in any order, between a colon and its value."""
    gaps = (" ", f"\n{deeper}", f" # c:\n{deeper}", f" # c\n\n{deeper}# d\n{deeper}",
            f"\n\n{deeper}")
    properties = rng.choice((("",), ("",), ("!!str",), ("&a",), ("&a:b%@",), ("!!str", "&a"),
                             ("&a", "!mine")))
    value = rng.choice(("old", "old", f"one\n{deeper}two", "'old'", f"[a,\n{deeper}b]",
                        f"|\n{deeper}old", f">-\n{deeper}old"))
    pieces = "".join(rng.choice(gaps) + piece for piece in properties if piece)
    behind = "" if value[0] in "|>" else trailing(rng)
    return pieces + rng.choice(gaps) + value + behind + "\n"


def flow_config(rng: random.Random) -> Config:
    """A file that is one flow mapping; with quoted keys it may be JSON."""
    quote = rng.choice(('"', '"', ""))
    separator = rng.choice((" ", "\n  "))
    before = "{" + rng.choice(("", f"{quote}a{quote}: [1, {{}}],{separator}", "[a], "))
    after = rng.choice(("", f",{separator}{quote}z{quote}: 1", ",", ", {z: 1}"))
    after += rng.choice(("}", "\n}\n"))
    newline = rng.choice(("\n", "\n", "\r\n", "\r"))
    return Config(*(part.replace("\n", newline) for part in (
        before, f"{quote}trakt{quote}: {flow_trakt(rng, quote)}", after)))


def flow_trakt(rng: random.Random, quote: str = "") -> str:
    names = ["client_id", "client_secret", "pin", "authorization", "extra"]
    names = [name for name in names if rng.random() < 0.85]
    rng.shuffle(names)
    items = []
    for name in names:
        if name == "authorization" and rng.random() < 0.8:
            items.append(f"{quote}{name}{quote}: {flow_authorization(rng, 4, quote)}")
        else:
            items.append(flow_item(rng, name, quote, null=name == "authorization"))
    return flow_mapping(rng, items, 4)


def flow_authorization(rng: random.Random, step: int, quote: str = "") -> str:
    names = [name for name in AUTHORIZATION_KEYS if rng.random() < 0.7]
    if rng.random() < 0.15:
        names = []
    return flow_mapping(rng, [flow_item(rng, name, quote) for name in names], 2 * step)


def flow_item(rng: random.Random, name: str, quote: str, null: bool = False) -> str:
    values: tuple[str, ...] = (" ~", " null", " ")
    if not null:
        values += (" old", ' "old"', " 'old'", " [a]", " 12", ' "a, b"', "")
    value = rng.choice(values)
    if quote and rng.random() < 0.2:
        value = value.strip()
    if rng.random() < 0.15:
        gaps = (" ", " # c\n      ", "\n\n      ", " # c\n\n      # d\n      ")
        properties = rng.choice((("",), ("!!str",), ("&a",), ("&a:b%@",), ("!!str", "&a")))
        pieces = "".join(rng.choice(gaps) + piece for piece in properties if piece)
        value = pieces + rng.choice(gaps) + value.strip() + rng.choice(("", " # c\n      "))
    if quote and rng.random() < 0.03:
        return f"{quote}{name}{quote}# c\n      "
    return f"{quote}{name}{quote}" + (f":{value}" if value or quote else "")


def flow_mapping(rng: random.Random, items: list[str], indentation: int) -> str:
    comma = "," if items and rng.random() < 0.2 else ""
    if rng.random() < 0.05:
        odd = rng.choice(("[x]", "{x: y}", "? [x]", "[x]: y", "[x]: ", "&x [x]", "!!str'x' ",
                          "x !y:", "x: &y !z "))
        items = [*items, odd] if rng.random() < 0.5 else [odd, *items]
    if rng.random() < 0.6:
        blank = rng.choice(("", "", " "))
        return "{" + blank + rng.choice((", ", ",", " , ")).join(items) + comma + blank + "}"
    newline = rng.choice(("", "", " # c", " # c\x85")) + "\n" + " " * indentation
    return "{" + newline + f",{newline}".join(items) + comma + newline[:-1] + "}"


# -- how others read it --------------------------------------------------------------------------

class AnyTag(pyyaml.SafeLoader):
    """PyYAML's safe loader, with unknown tags left out."""


AnyTag.add_multi_constructor("!", lambda loader, suffix, node: suffix)


def by_ruamel(data: bytes) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ruamel.yaml.YAML().load(data)


def by_pyyaml(data: bytes) -> Any:
    return pyyaml.load(data, Loader=AnyTag)


def loaded(reader: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return reader(data)
    except Exception:
        return None


def rest(tree: Any, without: tuple[str, ...]) -> str:
    """The tree without the values that we write, as text."""
    trakt = dict(tree["trakt"] or {})
    authorization = dict(trakt.pop("authorization", None) or {})
    for name in without:
        trakt.pop(name, None)
    others = {name: value for name, value in authorization.items()
              if name not in AUTHORIZATION_KEYS}
    return repr(plain([{name: value for name, value in tree.items() if name != "trakt"},
                       trakt, others]))


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return str(value)


VALUES = st.fixed_dictionaries({
    "access_token": st.sampled_from(TOKENS), "token_type": st.sampled_from(("bearer", "Bearer")),
    "expires_in": st.sampled_from(("604800", "86400", "1")),
    "refresh_token": st.sampled_from(TOKENS) | st.text("!#:0e19_-.x ~,{", min_size=1).map(str.strip)
    .filter(bool),
    "scope": st.sampled_from(("public", "")),
    "created_at": st.sampled_from(("1790000000", "0")),
})
CONFIGS = st.randoms(use_true_random=False).map(config)


def edit(data: bytes, values: Any, clear_pin: bool = True) -> Document | None:
    """The edited document, or None where the edit is refused; no other exception comes out.

    It is never refused because the result would be wrong, but where there is no room for it.
    """
    try:
        return set_authorization(parse(data), values, clear_pin=clear_pin)
    except ConfigError as error:
        assert "cannot be edited" not in error.message or "with a newline" in error.hint
        return None


def check_edit(generated: Config, values: Any) -> bool:
    """All promises about one edit of one config; whether it could be edited at all."""
    tree = loaded(by_ruamel, generated.data)
    if not isinstance(tree, dict) or not isinstance(tree.get("trakt"), dict):
        return False
    edited = edit(generated.data, values)
    if edited is None:
        return False
    check_bytes(generated, edited.data.decode())
    for reader in (by_ruamel, by_pyyaml):
        before = loaded(reader, generated.data)
        if isinstance(before, dict) and isinstance(before.get("trakt"), dict):
            check_tree(before, reader(edited.data), values)
    assert set_authorization(edited, values, clear_pin=True).data == edited.data
    return True


def check_bytes(generated: Config, edited: str) -> None:
    assert edited.startswith(generated.before)
    assert edited.endswith(generated.after)
    assert edited.endswith(("\n", "\r")) == generated.data.endswith((b"\n", b"\r"))
    assert endings(edited) <= (endings(generated.data.decode()) or {"\n"})
    assert edited.count("# c") == generated.data.decode().count("# c"), "a comment is lost"


def endings(text: str) -> set[str]:
    return set(re.findall(r"\r\n|\n|\r", text))


def check_tree(before: Any, after: Any, values: Any) -> None:
    held = before["trakt"].get("authorization") or {}
    for name, value in values.items():
        expected = int(value) if name in NUMBERS else value
        found = after["trakt"]["authorization"][name]
        assert found == expected or str(held.get(name)) == str(found) == value
    if "pin" in before["trakt"]:
        assert after["trakt"]["pin"] is None or not str(after["trakt"]["pin"]).strip()
    assert rest(before, ("pin",)) == rest(after, ("pin",))


def check_rest(before: bytes, after: bytes, without: tuple[str, ...]) -> None:
    """The same, where ruamel.yaml's round-trip loader can read the file at all."""
    tree = loaded(by_ruamel, before)
    assert tree is None or rest(tree, without) == rest(by_ruamel(after), without)


@COMMON
@given(CONFIGS, VALUES)
def test_only_our_values_change(generated: Config, values: Any) -> None:
    """Everything else stays to the byte and to the reader; a second edit changes nothing."""
    check_edit(generated, values)


def test_nearly_every_config_can_be_edited() -> None:
    """The refusals are the exception, or the properties above would hold for nothing."""
    rng = random.Random(7)
    values = {**dict.fromkeys(AUTHORIZATION_KEYS, "T"), "expires_in": "1", "created_at": "2"}
    generated = [config(rng) for _ in range(3000 if FULL else 120)]
    outcomes = [check_edit(one, values) for one in generated
                if isinstance((loaded(by_ruamel, one.data) or {}).get("trakt"), dict)]
    assert sum(outcomes) >= 0.9 * len(outcomes) and len(outcomes) > 70


@COMMON
@given(CONFIGS)
def test_emptied_values_are_null_and_can_be_set_again(generated: Config) -> None:
    """Emptying the six values leaves the rest alone; setting them again works."""
    try:
        document = parse(generated.data)
        cleared = clear_authorization(document)
    except ConfigError:
        return
    for name in AUTHORIZATION_KEYS:
        assert name not in cleared.authorization or cleared.authorization[name].blank
    check_rest(generated.data, cleared.data, ())
    assert clear_authorization(cleared).data == cleared.data


@COMMON
@given(CONFIGS)
def test_client_is_filled_in_and_never_overwritten(generated: Config) -> None:
    """client_id and client_secret are set where blank, and kept where not."""
    try:
        document = parse(generated.data)
        filled = fill_client(document, "ID", "SECRET")
    except ConfigError:
        return
    assert filled.trakt is not None
    for name, value in (("client_id", "ID"), ("client_secret", "SECRET")):
        old = (document.trakt or {}).get(name)
        kept = old is not None and not old.blank
        assert filled.trakt[name].text == (old.text if old is not None and kept else value)
    names = ("client_id", "client_secret", *(() if document.trakt else ("pin",)))
    if document.has_trakt:
        check_rest(generated.data, filled.data, names)


@COMMON
@given(CONFIGS)
def test_a_block_is_added_and_the_host_still_reads_the_file(generated: Config) -> None:
    """At the end of whatever stands in the file; the bytes before it stay."""
    data = (generated.before + generated.after).encode()
    tree = loaded(by_ruamel, data)
    if not isinstance(tree, dict) or "trakt" in tree:
        return
    try:
        filled = fill_client(parse(data), "ID", "SECRET").data
    except ConfigError:
        return
    after = by_ruamel(filled)
    assert after.pop("trakt")["client_id"] == "ID"
    assert repr(plain(tree)) == repr(plain(after))


@COMMON
@given(st.randoms(use_true_random=False), VALUES)
def test_damaged_files_raise_nothing_but_config_errors(rng: random.Random, values: Any) -> None:
    """Mutated configs are read, edited, or refused with a ConfigError that quotes nothing."""
    data = mutated(rng, config(rng).data)
    try:
        document = parse(data)
        edited = set_authorization(document, values, clear_pin=True)
        again = set_authorization(edited, values, clear_pin=True)
        masked_diff(document, edited)
    except ConfigError as error:
        assert error.__context__ is None and error.__cause__ is None
        assert "\n" not in error.message + error.hint and error.hint
        return
    assert again.data == edited.data


def mutated(rng: random.Random, data: bytes) -> bytes:
    pieces = (b"\t", b" ", b"\n", b":", b"#", b"-", b"? ", b"'", b'"', b"{", b"}", b"[", b"]",
              b"&a ", b"*a", b"!!x ", b"|", b"\r", b"\xc2\x85", b"\xe2\x80\xa8", b"\xc2\xa0",
              b"\xef\xbb\xbf", b"\x00", b"\xff", b"---\n", b"...\n", b"<<: ", b"trakt:", b"pin:",
              b",", b"%YAML 1.3\n", b'"\\UFFFFFFFF"', b"\\")
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(data) + 1)
        end = place + rng.choice((0, 0, 1, 2, 20))
        data = data[:place] + rng.choice(pieces + (b"",)) + data[end:]
    return data


@settings(COMMON, max_examples=COMMON.max_examples * 4)
@given(st.one_of(st.sampled_from(TOKENS), st.text("0123456789eE+-._xXobO:, ", min_size=1),
                 st.text(min_size=0), st.from_regex(r"[0-9]{1,4}-[0-9]{1,2}-[0-9]{1,2}.{0,3}")),
       st.sampled_from((None, "'", '"')), st.booleans())
def test_written_strings_are_read_back(text: str, style: Any, flow: bool) -> None:
    """YAML 1.1 and 1.2 readers give the same string back, in block and in flow style."""
    shown = written(text, style=style, flow=flow)
    line = "{a: " + shown + ", b: 1}" if flow else f"a: {shown}  # c\nb: 1"
    for document in (line, f"%YAML 1.1\n---\n{line}\n"):
        if not any("\ud800" <= c <= "\udfff" for c in text):
            assert by_ruamel(document.encode()) == {"a": text, "b": 1}
            assert by_pyyaml(document.encode()) == {"a": text, "b": 1}


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
