"""The ``trakt`` block of a YAML config: bytes in, bytes out, and only its values change.

Knows no path, no lock and no network.
"""
from trakt_config.document.document import Document, Value, parse
from trakt_config.document.edit import (
    clear_authorization,
    fill_client,
    set_authorization,
)
from trakt_config.document.masked_diff import masked_diff
from trakt_config.document.settings import APPS_PAGE, SETTING_KEYS, Settings, read_settings

__all__ = [
    "APPS_PAGE",
    "SETTING_KEYS",
    "Document",
    "Settings",
    "Value",
    "clear_authorization",
    "fill_client",
    "masked_diff",
    "parse",
    "read_settings",
    "set_authorization",
]
