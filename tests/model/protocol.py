"""The save protocol as a small state machine, searched to the last state.

One config, its journal, Trakt, and a person with an editor. A run takes the steps of
:mod:`trakt_config.authorization.redeem`, one at a time; between any two it may be killed, or the
config edited. What tokens look like and how bytes are written is left out: here, a file is whole,
half written, or cut short by a person. Of who may read a file there is what the order of two calls
can get wrong: whether its group may, and whether that is the config's group.

Each known fault of the protocol is a switch of :class:`Rules`; with all switches as they are by
default, no state that can be reached breaks an invariant (`docs/guarantees.rst` has those).
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Rules:
    """How the program behaves, and what befalls it."""

    in_place: bool = False          #: the config is overwritten, not replaced by rename
    access_is_good: bool = True     #: the old access token is still good: a refresh can wait
    runs: int = 2                   #: runs that something may befall; a clean one always follows
    crashes: int = 1
    edits: int = 1
    losses: int = 1                 #: answers of Trakt that never arrive
    kinds: tuple[str, ...] = ("edit", "cut short", "paste")  #: of edits; also "type a good pin"
    reader: bool = False            #: another run reads the config meanwhile, without the lock

    before_discards_content: bool = True  #: of an earlier try to overwrite
    short_is_theirs: bool = True          #: a file that is too short was cut by a person
    doubt_outlives_pin: bool = True       #: what is not known of the refresh token, that is
    doubt_outlives_run: bool = True       #: of a run that ended in peace, not knowing
    reader_reads_twice: bool = True       #: and looks for the journal in between
    owner_before_mode: bool = True        #: of the file that takes the config's place
    several_names_in_place: bool = True   #: a rename would cut the others off
    journal_as_config: bool = True        #: the journal is its group's where the config is
    raw_answer_first: bool = True         #: it is recorded before anything else is done with it
    reserves: bool = True                 #: room for the answer, before it is asked for
    note_is_added: bool = True            #: to what still matters, which is not cut off before

    group_may_read: bool = True     #: the config
    several_names: bool = False     #: the config has another one, which must go on leading to it


#: A pair that the person got elsewhere, and pastes over what is there.
THEIRS = 99


class Content(NamedTuple):
    """What the config holds. Tokens are numbers: 0 is the first pair, -1 none."""

    refresh: int = 0
    access: int = 0
    pin: str = ""
    edits: int = 0                       #: how many of the person's edits are in it
    half_of: tuple[Content, Content] | None = None  #: from one to the other
    cut_from: Content | None = None      #: the person's shortening of it


class Journal(NamedTuple):
    refresh: int
    pin: str
    refresh_unknown: bool
    answer: int | None = None
    before: Content | None = None
    content: Content | None = None


class Readers(NamedTuple):
    """Who may read a file besides its owner."""

    group: bool = False
    is_configs_group: bool = False


class State(NamedTuple):
    config: Content = Content()
    journal: Journal | None = None
    honoured: frozenset[int] = frozenset({0})
    issued: int = 0
    lost: frozenset[int] = frozenset()   #: pairs that nobody ever heard of, or that theirs replaced
    code_spent: bool = False
    edits: int = 0                       #: how many edits the person has made
    journal_readers: Readers | None = None
    temporary: Readers | None = None     #: of what will take the config's place
    # The run that is under way, if `at` says where it is.
    at: str = ""
    seen: Content | None = None
    target: Content | None = None
    answer: int = -1
    spends: str = ""
    in_doubt: bool = False
    pin_refused: bool = False
    # The reader
    reading: str = ""
    read: Content | None = None
    # What may still happen
    runs: int = 0
    crashes: int = 0
    edits_left: int = 0
    losses: int = 0
    wrong: str = ""                      #: the invariant that is broken


Moves = Iterator[tuple[str, State]]

#: Where a run writes over the config: an edit in that moment is lost, and must be (no system call
#: compares and writes at once).
WRITING = ("rest", "finish the rest")


def first_state(rules: Rules) -> State:
    return State(runs=rules.runs, crashes=rules.crashes, edits_left=rules.edits,
                 losses=rules.losses)


def moves(state: State, rules: Rules) -> Moves:
    """Everything that can happen next."""
    if state.at:
        yield from steps(state, rules)
        if state.crashes:
            yield f"kill at {state.at}", _killed(state)
    elif state.runs:
        yield "run", state._replace(at="look", runs=state.runs - 1)
    if state.edits_left and state.at not in WRITING:
        yield from _edits(state, rules)
    if rules.reader:
        yield from _reader(state, rules)


def _looser(state: State, rules: Rules) -> str:
    """What at least one user may read now who may not read the config."""
    for wrong, readers in (("I4: the replacement", state.temporary),
                           ("I6: the journal", state.journal and state.journal_readers)):
        if readers and readers.group and not (rules.group_may_read and readers.is_configs_group):
            return f"{wrong} is looser than the config"
    return ""


def _killed(state: State) -> State:
    lost = state.lost | {state.answer} if state.at == "record" else state.lost
    return _ended(state)._replace(crashes=state.crashes - 1, lost=lost)


def _ended(state: State) -> State:
    return state._replace(at="", seen=None, target=None, answer=-1, spends="", in_doubt=False,
                          pin_refused=False)


def _edits(state: State, rules: Rules) -> Moves:
    config, more = state.config, state.config.edits + 1
    made = state._replace(edits_left=state.edits_left - 1, edits=state.edits + 1)
    for kind in rules.kinds:
        if kind == "edit":
            yield kind, made._replace(config=config._replace(edits=more))
        elif kind == "cut short":
            yield kind, made._replace(config=config._replace(edits=more, cut_from=config))
        elif kind == "paste":
            pasted = Content(THEIRS, THEIRS, config.pin, more)
            lost = state.lost | {state.issued}
            yield kind, made._replace(config=pasted, honoured=state.honoured | {THEIRS}, lost=lost)
        else:
            pin = kind.split()[2]
            yield kind, made._replace(config=config._replace(pin=pin, edits=more))


def _reader(state: State, rules: Rules) -> Moves:
    if state.reading == "":
        yield "reader reads", state._replace(reading="has read", read=state.config)
    elif state.reading == "has read" and state.journal is None:
        if not rules.reader_reads_twice:
            yield "reader believes", _believed(state)
        else:
            yield "reader sees no journal", state._replace(reading="looks again")
    elif state.reading == "looks again" and state.read == state.config:
        yield "reader believes", _believed(state)


def _believed(state: State) -> State:
    torn = state.read is not None and state.read.half_of is not None
    return state._replace(reading="done", wrong="I5: half an overwrite is believed" if torn else "")


# -- a run, step by step ---------------------------------------------------------------------------

def steps(state: State, rules: Rules) -> Moves:
    """What the run does next; more than one thing only where Trakt may answer in several ways."""
    yield from globals()[f"_{state.at.replace(' ', '_')}"](state, rules)


def _look(state: State, rules: Rules) -> Moves:
    """Finish an overwrite that was cut short."""
    journal, config = state.journal, state.config
    if journal and journal.before and journal.content and config != journal.content:
        half = config.half_of == (journal.before, journal.content) and (
            config == _half(journal.before, journal.content))
        cut = config.cut_from in (journal.before, journal.content)
        if half or config == journal.before or (cut and not rules.short_is_theirs):
            yield "half written again", state._replace(
                config=_half(journal.before, journal.content), at="finish the rest")
            return
    yield "nothing to finish", state._replace(at="recover")


def _finish_the_rest(state: State, rules: Rules) -> Moves:
    assert state.journal and state.journal.content
    yield "written again", state._replace(config=state.journal.content, at="recover")


def _recover(state: State, rules: Rules) -> Moves:
    journal, config = state.journal, state.config
    if journal is None:
        yield "nothing left", state._replace(at="decide")
    elif journal.answer is not None:
        whole = config.half_of is None and config.access == journal.answer
        if config.refresh == journal.answer and whole:
            yield "the answer is there", state._replace(at="decide", journal=None)
        elif config.refresh in (-1, journal.refresh, journal.answer):
            yield "an answer is left", state._replace(at="splice", answer=journal.answer)
        else:
            yield "theirs stay", state._replace(at="decide", journal=None)
    elif journal.refresh_unknown and config.refresh in (-1, journal.refresh):
        yield "a doubt is left", state._replace(at="decide", in_doubt=True)
    else:
        yield "nothing of worth is left", state._replace(at="decide", journal=None)


def _decide(state: State, rules: Rules) -> Moves:
    config = state.config
    if config.pin and not state.pin_refused:
        yield "the pin", state._replace(at="reserve", spends="pin", seen=config)
    elif config.access > 0:
        yield "fresh", _done(state)
    elif config.refresh < 0:
        yield "no tokens", _ended(state)
    elif state.in_doubt and rules.access_is_good and config.access == 0:
        yield "kept", _done(state)
    else:
        yield "a refresh", state._replace(at="reserve", spends="refresh", seen=config)


def _reserve(state: State, rules: Rules) -> Moves:
    """What an earlier run left is there until the new note is, if it still matters."""
    kept = state.journal if state.in_doubt and rules.note_is_added else None
    yield "the room is taken", state._replace(at="note", journal=kept)


def _note(state: State, rules: Rules) -> Moves:
    assert state.seen
    unknown = state.spends == "refresh" or (state.in_doubt and rules.doubt_outlives_pin)
    journal = Journal(state.seen.refresh, state.seen.pin, unknown)
    shared = rules.group_may_read or not rules.journal_as_config
    yield "reserved", state._replace(at="ask", journal=journal if rules.reserves else None,
                                     journal_readers=Readers(shared, True))


def _ask(state: State, rules: Rules) -> Moves:
    assert state.seen
    if state.journal is None or state.journal.answer is not None:
        yield "no room", state._replace(wrong="I2: spent before it can be saved")
        return
    if state.spends == "pin":
        granted = state.seen.pin == "good" and not state.code_spent
        spent = state.honoured
    else:
        granted = state.seen.refresh in state.honoured
        spent = state.honoured - {state.seen.refresh}
    again = not granted and state.spends == "refresh"
    if again and rules.access_is_good and state.config.access == 0:
        state = state._replace(wrong="I9: what may be spent is sent while the old one is good")
    if not granted:
        yield "refused", _refused(state, rules)
        return
    new = state.issued + 1
    replaced = state.lost | ({new} if state.config.refresh == THEIRS else set())
    done = state._replace(honoured=spent | {new}, issued=new, lost=replaced,
                          code_spent=state.code_spent or state.spends == "pin")
    yield "granted", done._replace(at="record", answer=new)
    if state.losses:
        lost = done._replace(losses=state.losses - 1, lost=state.lost | {new})
        yield "granted, and the answer is lost", _unknown(lost, rules)
        yield "not granted, and nobody knows", _unknown(
            state._replace(losses=state.losses - 1), rules)


def _refused(state: State, rules: Rules) -> State:
    if state.spends == "refresh":
        return _ended(state._replace(journal=None))
    doubt = state.in_doubt and rules.doubt_outlives_pin
    return state._replace(at="decide", pin_refused=True, in_doubt=doubt,
                          journal=state.journal if doubt else None)


def _unknown(state: State, rules: Rules) -> State:
    kept = state.in_doubt and rules.doubt_outlives_pin
    if state.spends == "refresh" and rules.access_is_good:
        kept = rules.doubt_outlives_run
    return _ended(state._replace(journal=state.journal if kept else None))


def _record(state: State, rules: Rules) -> Moves:
    assert state.journal
    if rules.raw_answer_first:
        state = state._replace(journal=state.journal._replace(answer=state.answer))
    yield "recorded", state._replace(at="splice")


def _splice(state: State, rules: Rules) -> Moves:
    journal, config = state.journal, state.config
    assert journal
    if config.refresh not in (-1, journal.refresh, state.answer):
        yield "theirs stay", _ended(state._replace(journal=None))
        return
    pin = "" if config.pin == journal.pin else config.pin
    target = config._replace(refresh=state.answer, access=state.answer, pin=pin, half_of=None)
    in_place = rules.in_place or (rules.several_names and rules.several_names_in_place)
    yield "spliced", state._replace(at="before" if in_place else "temporary", seen=config,
                                    target=target)


def _temporary(state: State, rules: Rules) -> Moves:
    yield "a replacement is made", state._replace(at="dress", temporary=Readers())


def _dress(state: State, rules: Rules) -> Moves:
    """Its owner and group, and then its mode."""
    assert state.temporary
    owned = state.temporary._replace(is_configs_group=True)
    moded = state.temporary._replace(group=rules.group_may_read)
    if rules.owner_before_mode:
        yield "it has its owner", state._replace(at="dress more", temporary=owned)
    else:
        yield "it has its mode", state._replace(at="dress more", temporary=moded)


def _dress_more(state: State, rules: Rules) -> Moves:
    yield "it has its mode and owner", state._replace(
        at="replace", temporary=Readers(rules.group_may_read, True))


def _replace(state: State, rules: Rules) -> Moves:
    assert state.target
    if state.config != state.seen:
        yield "it has changed", state._replace(at="splice", temporary=None)
    elif rules.several_names:
        yield "replaced", state._replace(wrong="I4: the config's other name is cut off")
    else:
        yield "replaced", state._replace(at="tell", config=state.target, temporary=None)


def _before(state: State, rules: Rules) -> Moves:
    assert state.journal
    content = None if rules.before_discards_content else state.journal.content
    yield "before is noted", state._replace(
        at="content", journal=state.journal._replace(before=state.seen, content=content))


def _content(state: State, rules: Rules) -> Moves:
    assert state.journal
    yield "content is noted", state._replace(
        at="write", journal=state.journal._replace(content=state.target))


def _write(state: State, rules: Rules) -> Moves:
    assert state.seen and state.target
    if state.config != state.seen:
        yield "it has changed", state._replace(at="splice")
    else:
        yield "half written", state._replace(at="rest", config=_half(state.seen, state.target))


def _rest(state: State, rules: Rules) -> Moves:
    assert state.target
    yield "written", state._replace(at="tell", config=state.target)


def _tell(state: State, rules: Rules) -> Moves:
    yield "told", _done(state._replace(journal=None))


def _done(state: State) -> State:
    """Exit status 0."""
    usable = state.config.half_of is None and state.config.access >= 0
    if state.journal is None:
        state = state._replace(temporary=None)
    return _ended(state._replace(wrong=state.wrong or (
        "" if usable else "I5: exit 0 without usable tokens")))


def _half(before: Content, content: Content) -> Content:
    return before._replace(half_of=(before, content))


# -- the search ------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Found:
    """An invariant that is broken, and how one gets there."""

    wrong: str
    trace: tuple[str, ...]


class Search:
    """All states that can be reached, and what is wrong with them."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.ends = 0
        self._came_from: dict[State, tuple[State, str] | None] = {first_state(rules): None}
        self.found: dict[str, Found] = {}
        self._search()

    @property
    def states(self) -> set[State]:
        return set(self._came_from)

    def trace(self, state: State) -> tuple[str, ...]:
        labels: list[str] = []
        while (step := self._came_from[state]) is not None:
            state, label = step
            labels.append(label)
        return tuple(reversed(labels))

    def _search(self) -> None:
        waiting = list(self._came_from)
        for state in waiting:  # It grows.
            if not state.at:
                self.ends += 1
                self._note(state, _wrong_at_rest(state) or _wrong_when_healed(state, self.rules))
            for label, after in moves(state, self.rules):
                if after not in self._came_from:
                    self._came_from[after] = state, label
                    wrong = after.wrong or _looser(after, self.rules)
                    self._note(after, wrong)
                    if not wrong:
                        waiting.append(after)

    def _note(self, state: State, wrong: str) -> None:
        if wrong and wrong not in self.found:
            self.found[wrong] = Found(wrong, self.trace(state))


def _wrong_at_rest(state: State) -> str:
    """What has to hold whenever no run is under way."""
    config, journal = state.config, state.journal
    on_disk = {config.refresh, journal.answer if journal else None}
    if state.issued and state.issued not in state.lost and state.issued not in on_disk:
        return "I1: a refresh token that Trakt honours is lost"
    return ""


def _wrong_when_healed(state: State, rules: Rules) -> str:
    """What has to hold when a clean run follows."""
    issued, kept = state.issued, state.issued not in state.lost | {0}
    healed = state._replace(runs=1, crashes=0, edits_left=0, losses=0, reading="done")
    for _ in range(100):
        after = next(iter(moves(healed, rules)), None)
        if after is None:
            again = kept and healed.issued > issued and not state.config.pin
            return _wrong_after_all(healed, again)
        healed = after[1]
        if healed.wrong:
            return healed.wrong
    return "I7: a run does not end"


def _wrong_after_all(state: State, is_exchanged_again: bool) -> str:
    config, journal = state.config, state.journal
    if config.half_of:
        return "I8: the config is not whole"
    if state.temporary and not state.journal:
        return "I8: a replacement is left"
    if config.edits != state.edits:
        return "I3: a person's edit is gone"
    if is_exchanged_again:
        return "I8: a second exchange although the answer was kept"
    if journal and not (journal.answer is None and journal.refresh_unknown
                        and config.refresh in (-1, journal.refresh)):
        return "I8: a journal is left"
    if state.issued and state.issued not in state.lost and config.refresh != state.issued:
        return "I1: the config does not hold what Trakt honours"
    return ""
