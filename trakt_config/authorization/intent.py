"""What the journal says of a request before it is made: what would be spent and replaced."""
from __future__ import annotations

import json

from trakt_config.authorization.run import Snapshot
from trakt_config.startup import Record, fields_of
from trakt_config.storage import JournalContent
from trakt_config.tokens import Secret, fingerprint

#: Facts that the first form of the note, from before the first release, does not know.
_YOUNGER = ("answer_lost",)


class Intent(Record):
    """What the journal says of a request: what its answer replaces in the config, and what was
    sent for it. Digests, never the thing itself.

    The two are separate facts, each with its own doubt: a pin that Trakt refuses says nothing of
    a refresh token that an earlier request may have spent.

    :ivar refresh_unknown: whether the refresh token may be spent.
    :ivar refresh_refused: whether Trakt has refused it since.
    :ivar answer_lost: whether it did so after an answer that was lost.
    :ivar pin_unknown: whether the pin may be spent.
    """

    refresh_token: str | None = None
    pin: str | None = None
    refresh_unknown: bool = True
    pin_unknown: bool = False
    refresh_refused: bool = False
    answer_lost: bool = False

    @classmethod
    def of(cls, snapshot: Snapshot, **facts: bool) -> Intent:
        return cls(fingerprint(snapshot.settings.refresh_token),
                   fingerprint(snapshot.settings.pin), **facts)

    def encode(self) -> bytes:
        """Without the younger facts where they are not so: then each version can read it."""
        facts = {name: fact for name, fact in fields_of(self).items()
                 if fact or name not in _YOUNGER}
        return json.dumps(facts).encode("ascii")

    @classmethod
    def decode(cls, left: JournalContent | None) -> Intent | None:
        """The intent in a journal; None where there is none, or another version of this package
        wrote it.

        The first form, from before the first release, had one doubt for both, which is taken for
        the refresh token's.
        """
        if left is None or left.newer:
            return None
        try:
            facts = json.loads(left.note or b"{}")
            if "spends_refresh_token" in facts:
                facts["refresh_unknown"] = facts.pop("spends_refresh_token")
            return cls(**facts)
        except (ValueError, TypeError):
            return None

    def doubts(self, refresh_token: Secret | None) -> bool:
        """Whether the config's refresh token may be spent. One that a person has taken out, and
        may put back, counts as well.
        """
        if self.refresh_token is None or not self.refresh_unknown:
            return False
        return fingerprint(refresh_token) in (None, self.refresh_token)

    def sent(self, refresh_token: Secret | None) -> Secret | None:
        """`refresh_token`, if it is the one that was in the config before the request."""
        return refresh_token if fingerprint(refresh_token) == self.refresh_token else None

    def spends_pin(self, pin: Secret | None) -> bool:
        """Whether this is the pin that was in the config before the request."""
        return pin is not None and fingerprint(pin) == self.pin

    def is_outdated(self, current: Secret | None, new: str) -> bool:
        """Whether the config has got another refresh token than the one from before the request
        and the `new` one of its answer: somebody else's, which stays.
        """
        return bool(current) and self.sent(current) is None and current != Secret(new)
