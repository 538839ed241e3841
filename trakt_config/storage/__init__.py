"""Files: the lock of a config, its journal and its replacement. Knows no token and no YAML."""
from __future__ import annotations

from typing import TYPE_CHECKING

from trakt_config.startup import lazy
from trakt_config.storage.files import read, resolve
from trakt_config.storage.places import journal_exists, left_without_config

if TYPE_CHECKING:
    from trakt_config.storage.creation import create, remove_if_empty
    from trakt_config.storage.held import Held, hold
    from trakt_config.storage.journal import journals_of_others, peek_journal
    from trakt_config.storage.obstacles import lack_of_room, obstacle
    from trakt_config.storage.overwrite import Changed, is_half_new, is_torn
    from trakt_config.storage.records import JournalContent
    from trakt_config.storage.refusals import recall_refusal, remember_refusal
    from trakt_config.storage.surroundings import (
        is_mount_point,
        readable_by_others,
        readable_warning,
    )

__all__ = [
    "Changed",
    "Held",
    "JournalContent",
    "create",
    "hold",
    "is_half_new",
    "is_mount_point",
    "is_torn",
    "journal_exists",
    "journals_of_others",
    "lack_of_room",
    "left_without_config",
    "obstacle",
    "peek_journal",
    "read",
    "readable_by_others",
    "readable_warning",
    "recall_refusal",
    "remember_refusal",
    "remove_if_empty",
    "resolve",
]

#: What a run on a fresh config does without is imported when it is asked for.
_LAZY = {
    "Changed": "overwrite",
    "Held": "held",
    "JournalContent": "records",
    "create": "creation",
    "hold": "held",
    "is_half_new": "overwrite",
    "is_mount_point": "surroundings",
    "is_torn": "overwrite",
    "journals_of_others": "journal",
    "lack_of_room": "obstacles",
    "obstacle": "obstacles",
    "peek_journal": "journal",
    "readable_by_others": "surroundings",
    "readable_warning": "surroundings",
    "recall_refusal": "refusals",
    "remember_refusal": "refusals",
    "remove_if_empty": "creation",
}

if not TYPE_CHECKING:  # So that a misspelt name is an error of types.
    __getattr__, __dir__ = lazy(__name__, _LAZY)
