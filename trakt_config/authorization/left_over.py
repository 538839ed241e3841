"""What is said of a journal that an earlier run has left, before the next one comes to it."""
from __future__ import annotations

from trakt_config.authorization import advice, recovery, refusal
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.run import Run, Snapshot
from trakt_config.storage import JournalContent

LEFT_OVER = ("an earlier run was cut short or got no answer, or another one is running; "
             "what it left is finished first")

IN_DOUBT = ("an earlier refresh was cut short or got no answer, or one is under way: whether Trakt "
            "did it is not known, and the refresh token is tried again")


def is_refused(snapshot: Snapshot, left: JournalContent | None) -> bool:
    """Whether the journal says that Trakt has refused the config's refresh token."""
    intent, token = Intent.decode(left), snapshot.settings.refresh_token
    return bool(token and intent and intent.refresh_refused and intent.doubts(token))


def sentence(run: Run, snapshot: Snapshot, left: JournalContent | None) -> str:
    """What is to be said of it; empty where it is about nothing that is there."""
    if is_refused(snapshot, left):
        return advice.REFUSED
    if left is not None and Intent.decode(left) is None:
        return recovery.newer_journal().message
    if not remembers_only(left):
        return LEFT_OVER
    intent, token = Intent.decode(left), snapshot.settings.refresh_token
    if not (token and intent and intent.doubts(token)):
        return ""  # What is remembered is about a refresh token that is not there any more.
    if refusal.recall(run).of_refresh_token(token):
        return ""  # There is no doubt: a run was killed when it had heard so.
    authorization = snapshot.settings.authorization
    if authorization is None or not snapshot.can_be_kept:
        return f"{IN_DOUBT} now"
    due = authorization.expires_at - run.options.min_validity
    return f"{IN_DOUBT} when the access token is due, {due:%Y-%m-%d %H:%M} UTC"


def remembers_only(left: JournalContent | None) -> bool:
    """Whether there is nothing to finish: the journal says no more than that the refresh token may
    be spent, or that Trakt refused it. It goes on saying so.
    """
    intent = Intent.decode(left)
    return (left is not None and left.answer is None and left.content is None
            and intent is not None and intent.refresh_token is not None
            and intent.refresh_unknown)
