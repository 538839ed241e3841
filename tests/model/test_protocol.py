"""No state of the protocol that can be reached breaks an invariant; and the search can tell."""
from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model.protocol import Rules, Search

PINS = ("type a good pin", "type a wrong pin", "edit")

#: Up to three runs that are killed or edited into, and a clean one.
ALL = {
    "by rename": Rules(runs=3, crashes=3, edits=3),
    "by rename, due": Rules(runs=3, crashes=3, edits=3, access_is_good=False),
    "in place": Rules(runs=3, crashes=3, edits=3, in_place=True),
    "in place, due": Rules(runs=3, crashes=3, edits=3, in_place=True, access_is_good=False),
    "pins": Rules(runs=3, crashes=2, edits=3, losses=2, kinds=PINS),
    "pins, due": Rules(runs=3, crashes=2, edits=3, losses=2, kinds=PINS, access_is_good=False),
    "pins in place": Rules(runs=3, crashes=2, edits=2, losses=2, kinds=PINS, in_place=True),
    "a reader": Rules(in_place=True, reader=True, crashes=2),
    "private": Rules(crashes=2, edits=2, group_may_read=False),
    "several names": Rules(crashes=2, edits=2, several_names=True),
}

KNOWN = {
    "contents of two tries are paired": (
        Rules(in_place=True, before_discards_content=False), "I3: a person's edit is gone"),
    "what a person cut short is written again": (
        Rules(in_place=True, short_is_theirs=False), "I3: a person's edit is gone"),
    "a pin erases a doubt": (
        Rules(kinds=PINS, doubt_outlives_pin=False), "I9: what may be spent is sent"),
    "the end of a run erases a doubt": (
        Rules(kinds=(), doubt_outlives_run=False), "I9: what may be spent is sent"),
    "half an overwrite is believed": (
        Rules(in_place=True, reader=True, reader_reads_twice=False),
        "I5: half an overwrite is believed"),
    "an answer is used before it is recorded": (
        Rules(kinds=(), raw_answer_first=False), "I1: a refresh token that Trakt honours is lost"),
    "a doubt is cut off before it is noted again": (
        Rules(kinds=("type a wrong pin",), losses=0, crashes=2, note_is_added=False),
        "I9: what may be spent is sent"),
    "nothing is reserved": (Rules(kinds=(), reserves=False), "I2: spent before it can be saved"),
    "a replacement has its mode before its owner": (
        Rules(owner_before_mode=False), "I4: the replacement is looser"),
    "a rename takes the place of one of several names": (
        Rules(several_names=True, several_names_in_place=False), "I4: the config's other name"),
    "a private config's journal is its group's": (
        Rules(group_may_read=False, journal_as_config=False), "I6: the journal is looser"),
}


@pytest.mark.parametrize("rules", ALL.values(), ids=ALL.keys())
def test_no_invariant_can_be_broken(rules: Rules) -> None:
    search = Search(rules)
    assert [(found.wrong, " | ".join(found.trace)) for found in search.found.values()] == []
    assert search.ends > 100


@pytest.mark.parametrize("rules, wrong", KNOWN.values(), ids=KNOWN.keys())
def test_each_known_fault_is_found(rules: Rules, wrong: str) -> None:
    """With its fix taken out, and with nothing else: the shortest way to it is short."""
    found = {name: trace for name, trace in Search(rules).found.items() if name.startswith(wrong)}
    assert len(found) == 1
    fixed = replace(rules, before_discards_content=True, short_is_theirs=True,
                    doubt_outlives_pin=True, doubt_outlives_run=True, reader_reads_twice=True,
                    owner_before_mode=True, several_names_in_place=True, journal_as_config=True,
                    raw_answer_first=True, reserves=True, note_is_added=True)
    assert Search(fixed).found == {}
