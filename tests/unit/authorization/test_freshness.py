"""The decision, at and around each of its boundaries."""
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trakt_config.authorization.freshness import Assessment, Freshness, assess
from trakt_config.tokens import LATEST_TIME, LONGEST_LIFETIME, Authorization

FRESH, ADVISORY, MANDATORY = Freshness.FRESH, Freshness.ADVISORY, Freshness.MANDATORY

HOUR = 3600
DAY = 86400
TEN_MINUTES = 600
CREATED = 1_790_000_000

#: Each row, in every run: the policy has few.
pytestmark = pytest.mark.sampled(1)

#: Nothing else does: all other tests take their ages from `tests.support.ages`.
POLICY = "the policy is stated in this file and, in words, in README.rst: change them as well"

#: What Trakt's access tokens have lived.
LIFETIMES = [pytest.param(DAY, id="24 hours"), pytest.param(7 * DAY, id="7 days"),
             pytest.param(90 * DAY, id="90 days")]


def authorization(expires_in: int, created_at: int = CREATED) -> Authorization:
    return Authorization(access_token="access", token_type="bearer", expires_in=expires_in,
                         refresh_token="refresh", scope="public", created_at=created_at)


def at(age: float, expires_in: int, min_validity: float = TEN_MINUTES, *, force: bool = False,
       prefer_refresh: bool = False) -> Assessment:
    return assess(authorization(expires_in), now=CREATED + age, min_validity=min_validity,
                  force=force, prefer_refresh=prefer_refresh)


@pytest.mark.parametrize("lifetime", LIFETIMES)
@pytest.mark.parametrize("quarters, shift, expected", [
    pytest.param(0, 0, FRESH, id="just issued"),
    pytest.param(2, 0, FRESH, id="half of its life left"),
    pytest.param(3, -1, FRESH, id="a second more than a quarter left"),
    pytest.param(3, 0, ADVISORY, id="exactly a quarter left"),
    pytest.param(3, 1, ADVISORY, id="a second less than a quarter left"),
    pytest.param(4, -TEN_MINUTES - 1, ADVISORY, id="a second more than min_validity left"),
    pytest.param(4, -TEN_MINUTES, ADVISORY, id="exactly min_validity left"),
    pytest.param(4, -TEN_MINUTES + 1, MANDATORY, id="a second less than min_validity left"),
    pytest.param(4, 0, MANDATORY, id="ends this second"),
    pytest.param(400, 0, MANDATORY, id="ended long ago"),
])
def test_the_decision_depends_on_the_share_of_life_left(
        lifetime: int, quarters: int, shift: int, expected: Freshness) -> None:
    """Lifetimes are not assumed: the same shares decide for each of them."""
    assessed = at(lifetime / 4 * quarters + shift, lifetime)
    assert assessed.freshness is expected, POLICY
    assert assessed.seconds_left == max(0, lifetime - lifetime / 4 * quarters - shift)
    assert not assessed.issued_in_future


def test_readme_has_the_same_policy() -> None:
    """In words, below `Run it before the job`."""
    readme = Path(__file__).parents[3] / "README.rst"
    assert "less than a quarter of its life left" in " ".join(readme.read_text().split()), POLICY


@pytest.mark.parametrize("min_validity, expected", [
    pytest.param(0, FRESH, id="no validity asked for"),
    pytest.param(6 * HOUR, FRESH, id="a job of six hours"),
    pytest.param(12 * HOUR, FRESH, id="exactly what is left"),
    pytest.param(12 * HOUR + 1, MANDATORY, id="a second more than is left"),
    pytest.param(7 * DAY, MANDATORY, id="more than any token of 24 hours has"),
])
def test_min_validity_is_met_or_a_refresh_is_owed(min_validity: int, expected: Freshness) -> None:
    """Half way through a token of 24 hours."""
    assert at(12 * HOUR, DAY, min_validity).freshness is expected, POLICY


def test_a_token_that_ends_now_is_not_valid_for_no_time_at_all() -> None:
    """Without any min_validity the access token must still be valid."""
    assert at(DAY - 1, DAY, 0).freshness is ADVISORY
    assert at(DAY, DAY, 0).freshness is MANDATORY


@pytest.mark.parametrize("age, force, prefer_refresh, expected", [
    (0, False, False, FRESH),
    (0, False, True, ADVISORY),
    (0, True, False, MANDATORY),
    (0, True, True, MANDATORY),
    (20 * HOUR, False, True, ADVISORY),
    (20 * HOUR, True, False, MANDATORY),
    (DAY, False, True, MANDATORY),
    (DAY, True, False, MANDATORY),
])
def test_force_is_an_order_and_force_refresh_a_wish(
        age: float, force: bool, prefer_refresh: bool, expected: Freshness) -> None:
    """``--force`` refreshes or fails, ``force_refresh`` refreshes or keeps what is valid."""
    assert at(age, DAY, force=force, prefer_refresh=prefer_refresh).freshness is expected


def test_force_does_not_hide_that_the_token_is_valid() -> None:
    """What is left decides whether an unreachable Trakt is worth a second try."""
    assert at(0, DAY, force=True).seconds_left == DAY


@pytest.mark.parametrize("force, prefer_refresh", [(False, False), (True, True)])
def test_an_unknown_age_makes_a_refresh_mandatory(force: bool, prefer_refresh: bool) -> None:
    """Values that are missing or absurd."""
    assert assess(None, now=CREATED, min_validity=0, force=force,
                  prefer_refresh=prefer_refresh) == Assessment(MANDATORY, 0, False)


@pytest.mark.parametrize("lifetime", LIFETIMES)
@pytest.mark.parametrize("ahead, expected", [
    pytest.param(0.001, FRESH, id="a moment"),
    pytest.param(600, FRESH, id="ten minutes"),
    pytest.param(0.5, FRESH, id="half of its life"),
])
def test_a_created_at_in_the_future_counts_as_just_issued(
        lifetime: int, ahead: float, expected: Freshness) -> None:
    """One of the two clocks is wrong, and the whole life is left; the caller warns."""
    seconds = lifetime / 2 if ahead == 0.5 else ahead
    assert at(-seconds, lifetime) == Assessment(expected, lifetime, True)


@pytest.mark.parametrize("lifetime", LIFETIMES)
def test_a_created_at_beyond_half_of_the_life_is_not_believed(lifetime: int) -> None:
    """Its age is unknown."""
    assert at(-lifetime / 2 - 1, lifetime) == Assessment(MANDATORY, 0, True)
    assert at(-365 * DAY, lifetime) == Assessment(MANDATORY, 0, True)


def test_the_future_does_not_weaken_force() -> None:
    """The order of the rules: force comes before the clock."""
    assert at(-60, DAY, force=True) == Assessment(MANDATORY, DAY, True)
    assert at(-60, DAY, prefer_refresh=True) == Assessment(ADVISORY, DAY, True)
    assert at(-60, DAY, min_validity=2 * DAY) == Assessment(MANDATORY, DAY, True)


@pytest.mark.parametrize("values, expected", [
    ({"created_at": "1790000000", "expires_in": "604800"}, FRESH),
    ({"created_at": "", "expires_in": "604800"}, None),
    ({"created_at": "0", "expires_in": "604800"}, None),
    ({"created_at": "-1", "expires_in": "604800"}, None),
    ({"created_at": "1.79e9", "expires_in": "604800"}, None),
    ({"created_at": "2026-09-21", "expires_in": "604800"}, None),
    ({"created_at": "1790000000000", "expires_in": "604800"}, None),
    ({"created_at": "1790000000", "expires_in": "0"}, None),
    ({"created_at": "1790000000", "expires_in": "-5"}, None),
    ({"created_at": "1790000000", "expires_in": "999999999999"}, None),
    ({"created_at": "1790000000"}, None),
    ({"expires_in": "604800"}, None),
    ({}, None),
])
def test_the_texts_of_a_config_decide(values: dict[str, str],
                                      expected: Freshness | None) -> None:
    """From the characters in the file to the decision: missing and absurd are unknown."""
    found = Authorization.from_values({"access_token": "a", **values})
    assert (found is None) == (expected is None)
    assert assess(found, now=CREATED, min_validity=600).freshness is (expected or MANDATORY)


@settings(max_examples=200, deadline=None)
@given(created_at=st.integers(1, LATEST_TIME), expires_in=st.integers(1, LONGEST_LIFETIME),
       now=st.floats(0, 2 * LATEST_TIME), min_validity=st.floats(0, 1e9),
       force=st.booleans(), prefer_refresh=st.booleans())
@example(CREATED, DAY, CREATED + DAY * 3 / 4 + 1, 0, False, False)
def test_what_is_promised_holds_for_any_numbers(
        created_at: int, expires_in: int, now: float, min_validity: float, force: bool,
        prefer_refresh: bool) -> None:
    """What may be used is valid for as long as was asked, and never for longer than its life."""
    assessed = assess(authorization(expires_in, created_at), now=now, min_validity=min_validity,
                      force=force, prefer_refresh=prefer_refresh)
    assert 0 <= assessed.seconds_left <= expires_in
    if assessed.freshness is not MANDATORY:
        assert assessed.seconds_left >= min_validity and assessed.seconds_left > 0
        assert not force
    if assessed.freshness is FRESH:
        assert assessed.seconds_left > expires_in / 4, POLICY
        assert not prefer_refresh
