"""Files: the lock of a config, its journal and its replacement. Knows no token and no YAML."""
from trakt_config.storage.files import (
    READABLE_BY_OTHERS,
    create,
    is_mount_point,
    readable_by_others,
)
from trakt_config.storage.held import Changed, Held, Unfinished, exists, hold, peek, read, resolve
from trakt_config.storage.obstacles import obstacle

__all__ = [
    "READABLE_BY_OTHERS",
    "Changed",
    "Held",
    "Unfinished",
    "create",
    "exists",
    "hold",
    "is_mount_point",
    "obstacle",
    "peek",
    "read",
    "readable_by_others",
    "resolve",
]
