"""Files: the lock of a config, its journal and its replacement. Knows no token and no YAML."""
from trakt_config.storage.files import (
    LARGEST_CONFIG,
    READABLE_BY_OTHERS,
    create,
    is_mount_point,
    read,
    readable_by_others,
    resolve,
)
from trakt_config.storage.held import Held, hold
from trakt_config.storage.journal import peek
from trakt_config.storage.obstacles import obstacle
from trakt_config.storage.overwrite import Changed, is_torn
from trakt_config.storage.places import exists
from trakt_config.storage.records import Unfinished

__all__ = [
    "LARGEST_CONFIG",
    "READABLE_BY_OTHERS",
    "Changed",
    "Held",
    "Unfinished",
    "create",
    "exists",
    "hold",
    "is_mount_point",
    "is_torn",
    "obstacle",
    "peek",
    "read",
    "readable_by_others",
    "resolve",
]
