"""The ``trakt`` block of a YAML config: bytes in, bytes out; of all else nothing changes.

`parse` makes a `Document` of bytes; `set_authorization`, `clear_authorization` and `fill_client`
make another one, whose ``data`` is the edited file. Knows no path, no lock and no network.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from trakt_config.document.document import Document, parse
from trakt_config.document.keys import SETTING_KEYS
from trakt_config.document.layout import Entry
from trakt_config.document.misplaced import commented_out, other_keys, unread_keys
from trakt_config.document.settings import (
    Settings,
    client_id,
    read_settings,
    refuse_misspelt_keys,
    what_is_meant,
)
from trakt_config.startup import lazy

if TYPE_CHECKING:
    from trakt_config.document.diff import masked_diff
    from trakt_config.document.edit import (
        clear_authorization,
        fill_client,
        refuse_unfillable,
        set_authorization,
    )

__all__ = [
    "SETTING_KEYS",
    "Document",
    "Entry",
    "Settings",
    "clear_authorization",
    "client_id",
    "commented_out",
    "fill_client",
    "masked_diff",
    "other_keys",
    "parse",
    "read_settings",
    "refuse_misspelt_keys",
    "refuse_unfillable",
    "set_authorization",
    "unread_keys",
    "what_is_meant",
]

#: What a run on a fresh config does without is imported when it is asked for.
_LAZY = {
    "clear_authorization": "edit",
    "fill_client": "edit",
    "masked_diff": "diff",
    "refuse_unfillable": "edit",
    "set_authorization": "edit",
}

if not TYPE_CHECKING:  # So that a misspelt name is an error of types.
    __getattr__, __dir__ = lazy(__name__, _LAZY)
