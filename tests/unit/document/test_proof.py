"""The local proof says yes only where the whole one does, whatever the edit has done.

``TRAKT_CONFIG_FULL=1`` tries 50,000 changes instead of 2,000.
"""
from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Mapping

import pytest

from tests.unit.document.test_document_properties import Config, config, mutated
from trakt_config.document.comparison import Objection
from trakt_config.document.document import Document, parse
from trakt_config.document.edit import authorization_change, set_authorization
from trakt_config.document.layout import Entry
from trakt_config.document.proof import Change, local_proof, proved, whole_proof
from trakt_config.document.splices import Splice
from trakt_config.errors import ConfigError
from trakt_config.startup import replace
from trakt_config.tokens import AUTHORIZATION_KEYS

#: Each row is a rule of its own, and takes a millisecond or two: all of them, in every run.
pytestmark = pytest.mark.sampled(1)

CHANGES = 50_000 if os.environ.get("TRAKT_CONFIG_FULL") == "1" else 2_000

VALUES = {**dict.fromkeys(AUTHORIZATION_KEYS, "T"), "expires_in": "1", "created_at": "2"}

#: What an edit that went wrong may leave behind.
LITTER = ("", " ", "\n", "\n\n", "#", " # c", ":", ": ", "'", '"', "{", "}", "[", "]", ",", "|",
          ">", "|+\n", "- ", "? ", "?\n", "&a ", "*a", "!!x ", "!x\n", "<<: *b\n", "---\n", "...\n",
          "%YAML 1.1\n", "\ufeff", "\x85", "\u2028", "\t", "\r", "z: 0\n", "trakt:\n", "a",
          "\n: b", "\n? b\n", "x:\n", "  x:\n", "\n  'z\n", "\n  - a", "\\")


def plain_config(rng: random.Random) -> Config:
    """One that can mostly be proved locally, or any other."""
    generated = config(rng)
    for _ in range(9):
        if b"\xef\xbb\xbf" not in generated.data and b"%" not in generated.data \
                and generated.trakt.startswith("trakt"):
            break
        generated = config(rng)
    return generated


def broken(rng: random.Random, change: Change) -> Change:
    """The same change with something gone wrong within the entry or near it."""
    text, splices = change.before._text, list(change.splices)
    for _ in range(rng.choice((1, 1, 2))):
        kind = rng.randrange(5)
        if kind == 0 and splices:
            place = rng.randrange(len(splices))
            start, end, new = splices[place]
            splices[place] = moved(rng, (start, end, new), len(text))
        elif kind == 1 and splices:
            place = rng.randrange(len(splices))
            start, end, new = splices[place]
            at = rng.randrange(len(new) + 1)
            splices[place] = (start, end, new[:at] + rng.choice(LITTER) + new[at:])
        elif kind == 2:  # at the very end of the entry, where the next key begins
            following = change.before._layout.following
            end = len(text) if following is None else following
            splices.append((end - rng.choice((0, 0, 1, 2)), end, rng.choice(LITTER)))
        else:
            entry = change.before._layout.entry
            assert entry is not None
            start = rng.randrange(entry.key_start, len(text) + 1)
            end = min(len(text), start + rng.choice((0, 0, 0, 1, 2, 9)))
            splices.append((start, end, rng.choice(LITTER)))
    return replace(change, splices=splices)


def moved(rng: random.Random, splice: Splice, length: int) -> Splice:
    start, end, new = splice
    start = max(0, min(length, start + rng.choice((-2, -1, 0, 0, 1, 2))))
    end = max(start, min(length, end + rng.choice((-2, -1, 0, 1, 2, 9))))
    return start, end, new


def change_of(rng: random.Random) -> Change | None:
    """A change of a generated config, of a damaged one, or none where it is refused."""
    data = plain_config(rng).data
    if rng.random() < 0.3:
        data = mutated(rng, data)
    try:
        return authorization_change(parse(data), VALUES, clear_pin=rng.random() < 0.5)
    except ConfigError:
        return None


def test_the_local_proof_says_yes_only_where_the_whole_one_does() -> None:
    """Nine of ten changes are broken on purpose; then it finds what the whole parse finds."""
    rng = random.Random(20261124)
    seen: Counter[str] = Counter()
    while seen["tried"] < CHANGES:
        change = change_of(rng)
        if change is None or not change.splices:
            continue
        seen["tried"] += 1
        if rng.random() < 0.9:
            change = broken(rng, change)
        local = local_proof(change)
        if not isinstance(local, Document):
            seen["not proved"] += 1
            continue
        whole = whole_proof(change)
        assert isinstance(whole, Document), (change.before.data, change.splices, whole)
        assert_same(local, whole)
        seen["proved"] += 1
    assert seen["proved"] > CHANGES / 20 and seen["not proved"] > CHANGES / 3, seen


def assert_same(local: Document, whole: Document) -> None:
    """The document that was put together is the one that a parse of its bytes gives."""
    assert local.data == whole.data and local._text == whole._text
    assert said(local.trakt or {}) == said(whole.trakt or {})
    assert said(local.authorization) == said(whole.authorization)
    assert (local.has_trakt, local.trakt_line, local.trakt_column) == (
        whole.has_trakt, whole.trakt_line, whole.trakt_column)
    assert places(local) == places(whole)


def said(block: Mapping[str, Entry]) -> dict[str, object]:
    """What each value is, for those who read it."""
    return {key: (entry.text, entry.line, entry.column, entry.scalar, entry.blank, entry.foreign,
                  entry.only_comment, entry.commented_out) for key, entry in block.items()}


def places(document: Document) -> list[object]:
    """Every position that a later edit goes by."""
    layout = document._layout
    found: list[object] = [layout.stands_alone, layout.following, layout.digest]
    for block in (layout.root, layout.trakt, layout.authorization):
        assert block is not None
        found += [block.start, block.column, block.last_end, block.json, block.digest]
        found += [(e.key, e.key_start, e.key_end, e.key_line, e.key_column, e.colon, e.start, e.end,
                   e.value_line, e.value_column, e.digest) for e in block.entries]
    return found


def test_every_correct_change_of_a_plain_file_is_proved_locally() -> None:
    """Or the local proof would be sound and useless."""
    rng = random.Random(3)
    outcomes: Counter[bool] = Counter()
    while sum(outcomes.values()) < 100:
        generated = plain_config(rng)
        try:
            document = parse(generated.data)
            change = authorization_change(document, VALUES)
        except ConfigError:
            continue
        if document._layout.stands_alone:
            outcomes[isinstance(local_proof(change), Document)] += 1
    assert outcomes[False] <= 2


@pytest.mark.parametrize("data", [
    pytest.param(b"{trakt: {pin: 1}}\n", id="flow root"),
    pytest.param(b"'trakt':\n  pin: 1\n", id="quoted"),
    pytest.param(b"? trakt\n: pin: 1\n", id="an explicit key"),
    pytest.param(b" trakt:\n  pin: 1\n", id="indented root"),
    pytest.param(b"%YAML 1.2\n---\ntrakt:\n  pin: 1\n", id="directive"),
    pytest.param(b"%TAG !x! y\n---\ntrakt:\n  pin: 1\n", id="tag handle"),
    pytest.param(b"\xef\xbb\xbftrakt:\n  pin: 1\n", id="byte order mark"),
    pytest.param("trakt:\n  pin: 1\na: \x85\n".encode(), id="NEL"),
    pytest.param("trakt:\n  pin: 1\na: '\u2028'\n".encode(), id="LS"),
    pytest.param("trakt:\n  pin: 1\na: '\u2029'\n".encode(), id="PS"),
    pytest.param(b"trakt:\n  pin: 1\n...\n", id="end marker"),
    pytest.param(b"trakt:\n  pin: &a 1\n", id="an anchor inside"),
    pytest.param(b"trakt: &a\n  pin: 1\n", id="an anchor of the block"),
    pytest.param(b"&a trakt:\n  pin: 1\n", id="an anchor of the key"),
    pytest.param(b"--- &a\ntrakt:\n  pin: 1\n", id="an anchor of the root"),
    pytest.param(b"trakt:\n  pin: 1\n? a\n: b\n", id="an explicit key behind"),
    pytest.param(b"trakt:\n  pin: 1\n&a b: c\n", id="an anchored key behind"),
    pytest.param(b"trakt:\n  pin: 1\n!!str b: c\n", id="a tagged key behind"),
    pytest.param(b"trakt:\n  pin: 1\n[b]: c\n", id="a list as key behind"),
    pytest.param(b"trakt:\n  pin: 1\n: c\n", id="an empty key behind"),
])
def test_other_kinds_of_files_are_proved_as_a_whole(data: bytes) -> None:
    change = authorization_change(parse(data), VALUES, clear_pin=True)
    assert local_proof(change) is None
    assert isinstance(proved(change), Document)


@pytest.mark.parametrize("before, after", [
    (b"# c\nother: &a [x, *a]\n---x: 1\n" b"trakt:\n  pin: 1 # c\n\n# c\nb: 2\n", 1),
    (b"---\ntrakt:\n  pin: 1", 1), (b"trakt: {pin: 1}\n\"a\": 1\n", 1),
])
def test_plain_files(before: bytes, after: int) -> None:
    """Whatever stands before and behind."""
    document = parse(before)
    assert document._layout.stands_alone
    assert isinstance(local_proof(authorization_change(document, VALUES)), Document)


def test_edits_of_edited_documents_need_no_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the proof has put together is as good as a parse for the next edit."""
    monkeypatch.setattr("trakt_config.document.proof.whole_proof", None)
    document = parse(b"a: 1\ntrakt:\n  client_id: x\n  pin: 1\nb: |\n  c\n")
    for number in range(20):
        document = set_authorization(document, {**VALUES, "access_token": "T" * number})
        assert_same(document, parse(document.data))


@pytest.mark.parametrize("data, splice, message, place", [
    pytest.param(b"trakt:\n  pin: 1\n  x: SECRET\na: 1\n", (24, 25, "s"),
                 "another key of it would change", (3, 3), id="a key of the block"),
    pytest.param(b"trakt:\n  client_id: 1\n  authorization:\n", (20, 21, "2"),
                 "trakt.client_id would change", (2, 3), id="a key of ours"),
    pytest.param(b"trakt:\n  pin: 1\na: 1\nSECRET: 2\n", (30, 31, "3"), "line 4, outside of it",
                 (4, 1), id="outside"),
    pytest.param(b"trakt:\n  pin: 1\na: 1\n", (15, 15, "\n'"), "could not be read", (2, 9),
                 id="unreadable"),
    pytest.param(b"trakt:\n  pin: 1\na: 1\n", (16, 16, "  b: 1\n"), "a key would be added", (1, 1),
                 id="a new key"),
    pytest.param(b"trakt:\n  pin: 1\na: 1\n", (7, 7, "  {"), "could not be read", (2, 1),
                 id="brace"),
    pytest.param(b"trakt:\n  pin: # c\n    '1'\n\na: 1\n", (22, 25, "x"), "Kometa could not read",
                 (1, 1), id="the host"),
    pytest.param(b"trakt:\n  pin: 1\n", (14, 15, "2"), "would not say what was written", (1, 1),
                 id="not written"),
])
def test_objections_name_the_rule_and_the_line(data: bytes, splice: Splice, message: str,
                                               place: tuple[int, int]) -> None:
    """Never what stands there."""
    document = parse(data)
    written: dict[tuple[str | None, ...], str | None] = {}
    if "Kometa" in message or "written" in message:
        written[("trakt", "pin")] = "x"
    with pytest.raises(ConfigError, match=message) as caught:
        proved(Change(document, [splice], written))
    assert (caught.value.line, caught.value.column) == place
    assert "SECRET" not in str(caught.value) and caught.value.hint
    assert isinstance(whole_proof(Change(document, [splice], written)), Objection)


@pytest.mark.parametrize("end", [" # ", "", "\n# ", "\n!!x ", "\n&a ", "\n  ", "\n? ", "\n- ",
                                 "\n  x: |\n ", "\n  x: '", "\n  x: [", "\n  x: "])
def test_what_reaches_out_of_the_entry_is_seen(end: str) -> None:
    """At its very end, where the entry alone would often be good YAML."""
    document = parse(b"trakt:\n  pin: 1\na: 1\n")
    change = Change(document, [(15, 16, end)], {})
    assert not isinstance(local_proof(change), Document)
    assert isinstance(whole_proof(change), Objection)
