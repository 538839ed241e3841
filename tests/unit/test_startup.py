"""Records are frozen classes of fields, as dataclasses are, and cost a run less."""
from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import pytest

from trakt_config.startup import Record, fields_of, hidden, replace
from trakt_config.tokens import Authorization


class Point(Record):
    x: int
    name: str = hidden()
    y: int = 2
    secret: str = hidden(default="s")

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("x is negative")


class Other(Record):
    x: int = 1


class Empty(Record):
    pass


class Place(Point):
    """Without fields of its own."""


class Town(Point):
    people: int = 0


def test_fields_are_given_by_place_or_by_name_and_have_defaults() -> None:
    assert Point(1, "a") == Point(name="a", x=1) == Point(1, "a", 2, secret="s")
    assert fields_of(Point(1, "a")) == {"x": 1, "name": "a", "y": 2, "secret": "s"}
    assert list(fields_of(Point(name="a", x=1))) == ["x", "name", "y", "secret"]
    assert Empty() == Empty() and repr(Empty()) == "Empty()"


def test_subclasses_have_the_fields_of_their_base() -> None:
    assert repr(Place(1, "a")) == "Place(x=1, y=2)" and Place(1, "a") != Point(1, "a")
    assert Town(1, "a", 2, "s", 5) == Town(x=1, name="a", people=5)
    assert repr(Town(1, "a")) == "Town(x=1, y=2, people=0)"


@pytest.mark.parametrize("values, named, words", [
    ((), {}, "lacks name, x"), ((1,), {}, "lacks name"), ((1, "a"), {"x": 2}, "is given a field"),
    ((1, "a", 2, "s", 6), {}, "is given a field"), ((1, "a"), {"z": 1}, "has no field z"),
    ((), {"x": 1}, "lacks name"), ((), {"z": 1}, "has no field z"),
])
def test_missing_unknown_and_repeated_fields_are_refused(values: Any, named: Any,
                                                         words: str) -> None:
    with pytest.raises(TypeError, match=f"^Point {words}"):
        Point(*values, **named)


def test_it_is_checked_once_it_is_filled() -> None:
    with pytest.raises(ValueError, match="negative"):
        Point(-1, "a")
    with pytest.raises(ValueError, match="negative"):
        replace(Point(1, "a"), x=-1)


def test_nothing_can_be_assigned_or_deleted() -> None:
    point: Any = Point(1, "a")
    for name in ("x", "other"):
        with pytest.raises(AttributeError, match=name):
            setattr(point, name, 2)
    with pytest.raises(AttributeError):
        del point.x
    assert point.x == 1


def test_equal_fields_make_equal_records_of_one_class() -> None:
    assert Point(1, "a") != Point(1, "b") and Point(1, "a") != 1
    assert Other(1) != Empty() and Empty() != Other(1)
    assert len({Other(1), Other(1), Other(2)}) == 2


def test_what_is_hidden_is_not_shown() -> None:
    assert repr(Point(1, "HUNTER", secret="HUNTER")) == "Point(x=1, y=2)"
    assert str(Authorization("HUNTER", "bearer", 1, "HUNTER", "public", 2)) == (
        "Authorization(token_type='bearer', expires_in=1, scope='public', created_at=2)")


def test_copies_are_equal() -> None:
    """By pickle, by copy, and with changes."""
    token = Authorization("A", "bearer", 1, "R", "public", 2)
    assert pickle.loads(pickle.dumps(token)) == copy.copy(token) == copy.deepcopy(token) == token
    assert replace(token, scope="x") == Authorization("A", "bearer", 1, "R", "x", 2)
    if sys.version_info >= (3, 13):
        assert copy.replace(token, scope="x") == replace(token, scope="x")
