"""The decision: is this authorization good enough, worth refreshing, or in need of it? Pure."""
from __future__ import annotations

import enum

from trakt_config.startup import Record
from trakt_config.tokens import Authorization

#: The share of its life below which an authorization that is still good enough is refreshed, so
#: that a Trakt that cannot be reached for a while does no harm.
ADVISORY_SHARE = 1 / 4

#: The share of its life by which it may be issued in the future: so far do clocks disagree.
LARGEST_LEAD = 1 / 2


class Freshness(enum.Enum):
    """What is owed to an authorization."""

    FRESH = "fresh"          #: nothing
    ADVISORY = "advisory"    #: a refresh; where that is not possible, it is kept
    MANDATORY = "mandatory"  #: a refresh; where that is not possible, that is an error


class Assessment(Record):
    """The decision and what it rests on.

    ``seconds_left`` is how long the access token is still valid: 0 when it is not, or when its
    age is unknown. ``issued_in_future`` says that the two clocks disagree.
    """

    freshness: Freshness
    seconds_left: float = 0
    issued_in_future: bool = False


def assess(authorization: Authorization | None, *, now: float, min_validity: float,
           force: bool = False, prefer_refresh: bool = False) -> Assessment:
    """Decide by ``created_at`` and ``expires_in`` alone; no lifetime is ever assumed.

    :param authorization: None when its age is unknown or there is none.
    :param now: seconds since 1970.
    :param min_validity: seconds for which the access token has to be valid from now on.
    :param force: refresh, or fail.
    :param prefer_refresh: refresh, or keep what is valid (``force_refresh`` in the config).
    """
    if authorization is None:
        return Assessment(Freshness.MANDATORY)
    age = now - authorization.created_at
    if age < -LARGEST_LEAD * authorization.expires_in:
        return Assessment(Freshness.MANDATORY, issued_in_future=True)
    left = max(0.0, authorization.expires_in - max(0.0, age))
    if force or left <= 0 or left < min_validity:
        freshness = Freshness.MANDATORY
    elif prefer_refresh or left <= ADVISORY_SHARE * authorization.expires_in:
        freshness = Freshness.ADVISORY
    else:
        freshness = Freshness.FRESH
    return Assessment(freshness, left, issued_in_future=age < 0)
