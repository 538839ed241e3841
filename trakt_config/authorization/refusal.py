"""What Trakt has refused of a config, as the last run has heard, for `status` and a dry run."""
from __future__ import annotations

import json

from trakt_config.authorization.run import Run, Snapshot
from trakt_config.startup import Record, fields_of
from trakt_config.storage import recall_refusal, remember_refusal
from trakt_config.tokens import Secret, fingerprint


class Refusal(Record):
    """Digests, never the thing itself.

    :ivar answer_lost: whether the refresh token was refused after an answer that was lost.
    """

    refresh_token: str | None = None
    pin: str | None = None
    answer_lost: bool = False

    def of_refresh_token(self, token: Secret | None) -> bool:
        return token is not None and fingerprint(token) == self.refresh_token

    def of_pin(self, pin: Secret | None) -> bool:
        return pin is not None and fingerprint(pin) == self.pin


def remember(run: Run, snapshot: Snapshot, *, refresh_token: bool = False, pin: bool = False,
             answer_lost: bool = False) -> None:
    """Note what Trakt has refused, beside what it has refused before of the same config."""
    earlier, settings = recall(run), snapshot.settings
    is_refused = refresh_token or earlier.of_refresh_token(settings.refresh_token)
    refusal = Refusal(
        refresh_token=fingerprint(settings.refresh_token) if is_refused else None,
        pin=fingerprint(settings.pin) if pin else None,
        answer_lost=answer_lost if refresh_token else earlier.answer_lost)
    remember_refusal(run.path, json.dumps(fields_of(refusal)).encode("ascii"),
                     run.options.environ)


def recall(run: Run) -> Refusal:
    """What is known; nothing where a note is missing, torn, or of another version."""
    try:
        facts = json.loads(recall_refusal(run.path, run.options.environ) or b"{}")
        return Refusal(**facts)
    except (ValueError, TypeError, RecursionError):
        return Refusal()
